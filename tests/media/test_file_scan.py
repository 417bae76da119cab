import av

from macbdf_mm.media.read_span import read_span


def test_a_track_that_lies_behind_all_of_the_other_is_read(tmp_path, make_clip):
    source = make_clip("a.mp4", seconds=40.0, fps=5)
    path = tmp_path / "video_first.mkv"
    options = {"max_interleave_delta": "1"}
    with av.open(str(source)) as read, av.open(str(path), "w", options=options) as written:
        streams = {s.index: written.add_stream_from_template(s) for s in read.streams}
        packets = [packet for packet in read.demux() if packet.size]
        for packet in sorted(packets, key=lambda packet: packet.stream.type != "video"):
            packet.stream = streams[packet.stream.index]
            written.mux_one(packet)
    for start in (0.0, 20.0, 35.0):
        span = read_span(path, (start, start + 1.0), 4, 16_000)
        assert span.frame_valid.all()
        assert span.audio_valid.mean() > 0.99
