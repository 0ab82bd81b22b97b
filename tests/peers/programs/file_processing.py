"""sfini: two activities in turn over the images of a folder."""

import pathlib
import sys

import sfini
from PIL import Image

activities = sfini.ActivityRegistration(prefix="files-")
folder = pathlib.Path(sys.argv[1])


@activities.smart_activity("resize", heartbeat=1)
def resize_activity(image_dir, resized_image_dir, new_size=(64, 64)):
    for path in pathlib.Path(image_dir).iterdir():
        Image.open(path).resize(new_size).save(pathlib.Path(resized_image_dir) / path.name)


@activities.activity("centres", heartbeat=1)
def centres_activity(resized_image_dir):
    centres = []
    for path in sorted(pathlib.Path(resized_image_dir).iterdir()):
        image = Image.open(path)
        centres.append(image.getpixel((image.size[0] // 2, image.size[1] // 2)))
    return centres


for name in ("images", "small"):
    (folder / name).mkdir()
Image.new("RGB", (200, 100), (128, 255, 0)).save(folder / "images" / "a.png")
Image.new("RGB", (100, 200), (0, 0, 255)).save(folder / "images" / "b.png")
resize = sfini.Task("resize", resize_activity, result_path=None)
centres = sfini.Task(
    "centres",
    centres_activity,
    comment="values of the pixels in the centres",
    input_path="$.resized_image_dir",
    result_path="$.res",
)
resize.goes_to(centres)
machine = sfini.construct_state_machine("files", resize)
activities.register()
machine.register()
workers = [sfini.Worker(resize_activity), sfini.Worker(centres_activity)]
for worker in workers:
    worker.start()
given = {"image_dir": str(folder / "images"), "resized_image_dir": str(folder / "small")}
execution = machine.start_execution(execution_input=given)
execution.wait()
print(execution.output["res"])
for worker in workers:
    worker.end()
    worker.join()
activities.deregister()
machine.deregister()
