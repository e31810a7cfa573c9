"""Photos of what became of a promise: made anew, encrypted, and off unless somebody asked for them."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from PIL import Image

from tests.api.serving import MASTER_KEY, Api, Serving, refused

SECRET = b"UNMISTAKABLE"
GPS, ORIENTATION, COMMENT, MAKER = 0x8825, 0x0112, 0x9286, 0x010F


@pytest.fixture(scope="module")
def photographing(fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A process that takes photos."""
    folder = tmp_path_factory.mktemp("photos")
    config = folder / "upheld.toml"
    config.write_text("[evidence]\nphotos = true\n")
    with Serving(folder, database_url=fresh_database(), master_key=MASTER_KEY, config=config) as serving:
        yield serving


@pytest.fixture
def li(photographing: Serving) -> Api:
    return photographing.by("courier:li")


def add(api: Api, photo: bytes, *, name: str = "photo", key: str | None = None) -> httpx.Response:
    headers = {"X-Actor": api.actor} | ({"Idempotency-Key": key} if key else {})
    return api.client.post("/v1/evidence", files={name: ("photo.jpg", photo)}, headers=headers)


def show(api: Api, id: str) -> httpx.Response:
    return api.client.get(f"/v1/evidence/{id}", headers={"X-Actor": api.actor})


def shown(api: Api, photo: bytes) -> Image.Image:
    """The picture that is kept of a photo."""
    added = add(api, photo)
    assert added.status_code == 201, added.text
    return Image.open(io.BytesIO(show(api, added.json()["id"]).content))


def picture(form: str = "JPEG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **more: Any) -> bytes:
    """A picture whose left half is red."""
    image = Image.new(mode, size)
    if mode == "RGB":
        image.paste((255, 255, 255), (0, 0, *size))
    if mode in ("RGB", "RGBA"):
        image.paste((255, 0, 0) if mode == "RGB" else (255, 0, 0, 255), (0, 0, size[0] // 2, size[1]))
    written = io.BytesIO()
    image.save(written, form, **more)
    return written.getvalue()


def with_a_story() -> bytes:
    """A photo, turned by the phone, that says where, with what and by whom it was taken."""
    exif = Image.Exif()
    exif[MAKER], exif[COMMENT], exif[ORIENTATION] = SECRET.decode(), SECRET, 6
    exif.get_ifd(GPS).update({1: "N", 2: (42.0, 41.0, 0.0), 3: "E", 4: (23.0, 19.0, 0.0)})
    return picture(exif=exif, comment=SECRET, icc_profile=SECRET * 20)


def png_of(width: int, height: int) -> bytes:
    """The head of a PNG that says how large it is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_a_photo_is_kept_upright_and_says_nothing_but_what_it_shows(li: Api) -> None:
    sent = with_a_story()
    assert SECRET in sent
    added = add(li, sent)
    answer = show(li, added.json()["id"])
    kept = Image.open(io.BytesIO(answer.content))

    assert added.headers["location"] == f"/v1/evidence/{added.json()['id']}"
    assert (kept.format, kept.size, kept.mode) == ("JPEG", (20, 40), "RGB")
    assert dict(kept.getexif()) == {}
    assert not {"exif", "comment", "icc_profile", "gps"} & kept.info.keys()
    assert SECRET not in answer.content
    # Turned by a quarter: what was left is up.
    assert [kept.getpixel((10, y))[1] < 60 for y in (5, 35)] == [True, False]  # type: ignore[index]


def test_it_is_shown_to_be_looked_at_and_not_to_be_kept(li: Api) -> None:
    id = add(li, picture()).json()["id"]
    headers = show(li, id).headers

    assert headers["content-type"] == "image/jpeg"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-store"
    assert headers["content-disposition"] == f'inline; filename="{id}.jpg"'
    assert "sandbox" in headers["content-security-policy"]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "AVIF", "JPEG"])
def test_each_format_of_a_phone_becomes_a_jpeg(li: Api, form: str) -> None:
    assert (shown(li, picture(form)).format, shown(li, picture(form)).size) == ("JPEG", (40, 20))


@pytest.mark.parametrize("mode", ["RGBA", "L", "1", "P", "CMYK"])
def test_colours_of_every_kind_are_read(li: Api, mode: str) -> None:
    kept = shown(li, picture("JPEG" if mode == "CMYK" else "PNG", mode=mode))

    assert kept.mode == "RGB"
    if mode == "RGBA":
        assert kept.getpixel((35, 10)) > (250, 250, 250)  # type: ignore[operator]


def test_a_large_photo_is_made_smaller(li: Api) -> None:
    assert shown(li, picture(size=(6000, 3000))).size == (2048, 1024)


@pytest.mark.parametrize(
    "photo",
    [
        b"",
        b"GIF89a",
        picture(size=(400, 400))[:-400],
        picture("PNG", size=(400, 400))[:-60],
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7\n",
        picture("TIFF"),
        picture("BMP"),
        bytes(range(256)) * 40,
        png_of(7_000, 7_200),
        png_of(60_000, 60_000),
        png_of(0, 0),
    ],
    ids=["nothing", "head", "cut", "cut-png", "svg", "html", "pdf", "tiff", "bmp", "noise", "large", "bomb", "empty"],
)
def test_what_is_no_picture_or_unpacks_to_too_much_is_refused(li: Api, photo: bytes) -> None:
    refused(add(li, photo), 422, "invalid", "/photo")


def test_a_photo_of_more_than_2_mb_is_refused(li: Api) -> None:
    most = 2 * 1024 * 1024
    padded = picture()
    padded += bytes(most - len(padded))

    assert add(li, padded).status_code == 201  # a decoder reads no further than the picture
    refused(add(li, padded + b"\0"), 413, "content_too_large")
    refused(add(li, bytes(3 * most)), 413, "content_too_large")


def test_only_here_may_a_body_be_that_large(li: Api) -> None:
    refused(li.post("/v1/commitments", {"promise": "x" * 1_100_000}), 413, "content_too_large")


@pytest.mark.parametrize(
    ("kind", "content", "pointer"),
    [
        ("application/json", b"{}", ""),
        ("multipart/form-data", b"", ""),
        ("multipart/form-data; boundary=x", b"", ""),
        ("multipart/form-data; boundary=x", b"--y\r\n", ""),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\nJPEG', ""),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nJPEG\r\n--x--\r\n", "/"),
        ("multipart/form-data; boundary=" + "x" * 2000, b"--x", ""),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 100, ""),
    ],
)
def test_what_is_no_such_form_is_refused(li: Api, kind: str, content: bytes, pointer: str) -> None:
    headers = {"X-Actor": li.actor, "Content-Type": kind}

    refused(li.client.post("/v1/evidence", content=content, headers=headers), 422, "invalid", pointer)


def test_a_form_brings_one_photo_and_nothing_else(li: Api) -> None:
    refused(add(li, picture(), name="colour"), 422, "invalid", "/colour")
    two = [("photo", picture()), ("photo", picture())]
    refused(li.client.post("/v1/evidence", files=two, headers={"X-Actor": li.actor}), 422, "invalid", "/photo")
    refused(li.client.post("/v1/evidence", files={"photo": picture()}), 401, "unauthenticated")


def test_a_photo_that_is_sent_again_is_the_same(li: Api) -> None:
    key = uuid4().hex
    first, again = add(li, picture(), key=key), add(li, picture(), key=key)

    assert again.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    refused(add(li, picture(size=(41, 20)), key=key), 422, "idempotency_key_reused")
    assert add(li, picture()).json() != first.json()


def test_nothing_of_a_photo_is_in_clear_in_the_database(li: Api, photographing: Serving) -> None:
    kept = show(li, add(li, picture()).json()["id"]).content
    with psycopg.connect(str(photographing.settings["database_url"])) as conn:
        documents = [bytes(row[0]) for row in conn.execute("SELECT document FROM evidence")]

    assert documents
    assert not any(kept[:40] in document or b"JFIF" in document for document in documents)


def test_a_photo_is_of_the_promise_that_names_it_first_and_of_no_other(li: Api) -> None:
    known = add(li, picture()).json()["id"]
    agent = li.by("agent:ling")
    first, other = (agent.promise("callback")["id"] for _ in range(2))
    body = {"outcome": "no_access", "evidence": [known]}
    for _ in range(2):
        agent.command(first, "attempts", body)

    refused(agent.post(f"/v1/commitments/{other}/attempts", body), 422, "invalid", "/evidence/0")
    assert show(li, known).status_code == 200


def test_a_photo_that_was_named_in_vain_is_free_for_another_promise_a_minute_later(
    li: Api, photographing: Serving
) -> None:
    known = add(li, picture()).json()["id"]
    agent = li.by("agent:ling")
    done, other = (agent.promise("callback")["id"] for _ in range(2))
    agent.command(done, "fulfilment", {})
    body = {"outcome": "no_access", "evidence": [known]}
    refused(agent.post(f"/v1/commitments/{done}/attempts", body), 409)
    path = f"/v1/commitments/{other}/attempts"
    refused(agent.post(path, body), 422, "invalid", "/evidence/0")
    with psycopg.connect(str(photographing.settings["database_url"]), autocommit=True) as conn:
        conn.execute("UPDATE evidence SET claimed_at = claimed_at - interval '1 minute' WHERE id = %s", (known,))

    assert agent.post(path, body).status_code == 200
    refused(agent.post(f"/v1/commitments/{agent.promise('callback')['id']}/attempts", body), 422)


def test_of_several_photos_all_are_taken_or_none(li: Api) -> None:
    known = add(li, picture()).json()["id"]
    agent = li.by("agent:ling")
    first, other = (agent.promise("callback")["id"] for _ in range(2))
    body = {"outcome": "no_access", "evidence": [known, str(uuid4())]}
    refused(agent.post(f"/v1/commitments/{first}/attempts", body), 422, "invalid", "/evidence/1")

    assert agent.post(f"/v1/commitments/{other}/attempts", {**body, "evidence": [known]}).status_code == 200


def test_a_photo_that_was_erased_is_not_kept_again_and_who_sends_both_again_is_answered_as_before(li: Api) -> None:
    agent = li.by("agent:ling")
    id = agent.promise("callback", customer_id="CU-E10")["id"]
    sent, key = add(li, picture(), key="photo-e10"), "attempt-e10"
    body = {"outcome": "no_access", "evidence": [sent.json()["id"]]}
    path = f"/v1/commitments/{id}/attempts"
    assert agent.post(path, body, key=key).status_code == 200
    assert li.by("admin:root").delete("/v1/customers/CU-E10").status_code == 202

    again = add(li, picture(), key="photo-e10")
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, sent.json(), "true")
    assert show(li.by("supervisor:wang"), sent.json()["id"]).status_code == 404
    answer = agent.post(path, body, key=key)
    assert (answer.status_code, answer.headers["idempotency-replayed"]) == (200, "true")


@pytest.mark.parametrize(
    "command", [("fulfilment", {}), ("attempts", {"outcome": "no_access"})], ids=lambda c: str(c[0])
)
def test_evidence_that_is_named_was_added(li: Api, command: tuple[str, dict[str, Any]]) -> None:
    name, body = command
    made = li.by("agent:ling").promise()["id"]
    known, path = add(li, picture()).json()["id"], f"/v1/commitments/{made}/{name}"
    refused(li.post(path, {**body, "evidence": [known, "photo-1"]}), 422, "invalid", "/evidence/1")
    refused(li.post(path, {**body, "evidence": [str(uuid4())]}), 422, "invalid", "/evidence/0")
    assert li.told(made) == ["CommitmentMade"]
    li.command(made, name, {**body, "evidence": [known]})

    told = [item["data"] for item in li.history(commitment_id=made)]
    assert [data["evidence"] for data in told if "evidence" in data] == [[known]]


@pytest.mark.parametrize("id", ["photo-1", "00000000-0000-4000-8000-000000000000", "%00"])
def test_what_was_never_added_is_not_shown(li: Api, id: str) -> None:
    assert show(li, id).status_code in (404, 422)


def test_photos_are_off_unless_the_configuration_says_so(courier: Api) -> None:
    refused(add(courier, picture()), 404, "photos_are_off")
    refused(show(courier, str(uuid4())), 404, "photos_are_off")


def test_a_photo_that_came_after_the_promise_was_kept_goes_with_it_when_it_is_erased(li: Api) -> None:
    agent = li.by("agent:ling")
    agent.assign("SO-E9", li.actor)
    id = agent.promise("callback", customer_id="CU-E9", order_id="SO-E9", path=["courier"])["id"]
    named, late = (add(li, picture(size=(40 + n, 20))).json()["id"] for n in range(2))
    assert li.post(f"/v1/commitments/{id}/fulfilment", {"evidence": [named]}).status_code == 200
    assert li.post(f"/v1/commitments/{id}/fulfilment", {"evidence": [late]}).status_code in (200, 409)
    supervisor = li.by("supervisor:wang")
    assert [show(supervisor, photo).status_code for photo in (named, late)] == [200, 200]

    assert li.by("admin:root").delete("/v1/customers/CU-E9").status_code == 202
    assert [show(supervisor, photo).status_code for photo in (named, late)] == [404, 404]


def test_a_picture_that_is_gone_through_again_and_again_is_refused_before_that(li: Api) -> None:
    plain = picture(mode="L", size=(64, 64), progressive=True)
    scan = plain.index(b"\xff\xda")
    scans = plain[:-2] + plain[scan:-2] * 60 + plain[-2:]
    refused(add(li, scans), 422, "invalid", "/photo")
    assert "scans" in add(li, scans).json()["errors"][0]["detail"]
    assert add(li, plain).status_code == 201
