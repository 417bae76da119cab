from macbdf_mm.reports.figures.severity_curves import SeverityCurve, draw_severity_curves


def test_a_panel_for_each_corruption_with_a_line_for_each_score():
    values = {0: 0.9, 2: 0.7, 1: 0.8}
    curves = [
        SeverityCurve(f"c{k}", {"overall": values, "video": {0: 0.8, 1: 0.6}}) for k in range(7)
    ]
    curves[4] = SeverityCurve("c4", {"overall": values, "audio": values})
    figure = draw_severity_curves(curves)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [f"c{k}" for k in range(7)]
    overall, video, chance = shown[3].lines
    assert overall.get_xydata().tolist() == [[0, 0.9], [1, 0.8], [2, 0.7]]
    assert video.get_xydata().tolist() == [[0, 0.8], [1, 0.6]]
    assert set(chance.get_ydata()) == {0.5}
    legends = [axes.get_legend() for axes in shown]
    assert [k for k, legend in enumerate(legends) if legend] == [0, 4]
    assert {text.get_text() for text in legends[4].get_texts()} == {"overall", "audio"}
