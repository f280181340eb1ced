"""The demo pictures are as their catalogue describes them."""

import io
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageOps

from localmesh.pictures import Picture, make_pictures

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/avif": "AVIF"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


def test_there_is_a_picture_for_everything_the_demo_shows(pictures: list[Picture]) -> None:
    assert len({picture.name for picture in pictures}) == len(pictures) >= 12
    assert [picture.name for picture in pictures if picture.outcome == "rejected"] == ["broken.jpg"]
    assert {picture.media_type for picture in pictures} == set(FORMATS)
    tokyo = [picture for picture in pictures if "Tokyo" in picture.description]
    elsewhere = [picture for picture in pictures if re.search("Paris|Berlin|Kyoto|China", picture.description)]
    assert len(tokyo) >= 3
    assert len(elsewhere) >= 3


def test_the_bytes_are_the_same_every_time(pictures: list[Picture], tmp_path: Path) -> None:
    again = make_pictures(tmp_path / "new" / "folder")
    for first, second in zip(pictures, again, strict=True):
        assert first.path.read_bytes() == second.path.read_bytes(), first.name


def test_they_are_small_enough_to_upload_quickly(pictures: list[Picture]) -> None:
    for picture in pictures:
        assert picture.path.stat().st_size < 250_000, picture.name


def test_sound_pictures_open_with_the_declared_format_and_size(pictures: list[Picture]) -> None:
    for picture in pictures:
        with Image.open(io.BytesIO(picture.path.read_bytes())) as opened:
            assert opened.format == FORMATS[picture.media_type], picture.name
            if picture.outcome == "searchable":
                assert ImageOps.exif_transpose(opened).size == (picture.width, picture.height), picture.name


def test_the_broken_picture_is_broken(pictures: list[Picture]) -> None:
    broken = next(picture for picture in pictures if picture.outcome == "rejected")
    with Image.open(broken.path) as opened, pytest.raises(OSError, match="truncated"):
        opened.load()


def test_the_portrait_lies_on_its_side(pictures: list[Picture]) -> None:
    portrait = next(picture for picture in pictures if picture.name == "portrait.jpg")
    with Image.open(portrait.path) as opened:
        assert opened.getexif()[ExifTags.Base.Orientation] == 6
        assert opened.size == (portrait.height, portrait.width)


def test_every_vendored_file_has_its_source_and_licence() -> None:
    data = resources.files("localmesh.pictures").joinpath("data")
    listed = data.joinpath("LICENSES.md").read_text(encoding="utf-8")
    files = [file.name for file in data.iterdir() if file.is_file() and file.name != "LICENSES.md"]
    assert len(files) >= 6
    for name in files:
        assert f"`{name}`" in listed


@pytest.mark.scheduled  # on a push, end-to-end tests find pictures by what is read in them
@pytest.mark.timeout(180)
def test_every_stated_text_can_be_read(pictures: list[Picture]) -> None:
    from rapidocr import RapidOCR

    read = RapidOCR()
    for picture in (picture for picture in pictures if picture.texts):
        found: Any = read(picture.path.read_bytes())
        lines = " ".join(found.txts or ())
        # Recognition may lose the space between two words; that is not an error of the picture.
        for text in picture.texts:
            assert text.replace(" ", "").lower() in lines.replace(" ", "").lower(), (picture.name, lines)
