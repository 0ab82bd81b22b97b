"""File processing: make small copies of the photographs in a folder, and find the colours at their centres.

Run it: python examples/file_processing.py [FOLDER]

It needs Pillow; without a folder it takes the photographs that scikit-image brings along
(python -m pip install pillow scikit-image). The activities are plain functions, which run in threads.
"""

import asyncio
import importlib.util
import sys
import tempfile
from pathlib import Path

from PIL import Image

import asfini
from asfini import ActivityRegistration, Task, Worker, construct_state_machine

activities = ActivityRegistration(prefix="files-")
PHOTOGRAPHS = {".jpg", ".jpeg", ".png"}


@activities.smart_activity("resizeActivity")
def resize_activity(image_dir: Path, resized_image_dir: Path, new_size: tuple[int, int] = (64, 64)) -> None:
    for path in sorted(image_dir.iterdir()):
        if path.suffix.lower() in PHOTOGRAPHS:
            with Image.open(path) as image:
                image.convert("RGB").resize(new_size).save(resized_image_dir / f"{path.stem}.png")


@activities.activity("getCentresActivity")
def get_centres_activity(resized_image_dir: Path) -> dict[str, tuple[int, int, int]]:
    centres = {}
    for path in sorted(resized_image_dir.iterdir()):
        with Image.open(path) as image:
            centres[path.stem] = image.getpixel((image.width // 2, image.height // 2))
    return centres


resize_images = Task("resizeImages", resize_activity, result_path=None)
get_centres = Task(
    "getCentres",
    get_centres_activity,
    comment="Get the colours at the images' centres",
    input_path="$.resized_image_dir",
    result_path="$.centres",
)
resize_images >> get_centres
machine = construct_state_machine("file-processing", resize_images)


def sample_photographs() -> Path:
    """The photographs that come with scikit-image."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("name a folder of photographs, or: python -m pip install scikit-image")
    return Path(package.origin).parent / "data"


async def main(image_dir: Path) -> None:
    with tempfile.TemporaryDirectory() as resized_image_dir:
        async with asfini.local.connect() as client, Worker(client, activities):
            await client.register(activities, machine)
            output = await client.execute(
                machine, {"image_dir": image_dir, "resized_image_dir": resized_image_dir}
            )
    for name, colour in output["centres"].items():
        print(name, colour)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else sample_photographs()))
