# Other objectives, on the demo data: the multimodal one knows the overall label alone, as where a
# data set publishes no labels of the tracks (DFDC). A clip with one fake track then pulls the
# encoder of its real track two ways.
_base_ = ["../macbdf_demo.py"]

model = dict(head=dict(loss_weights=dict(video=0.0, audio=0.0)))
