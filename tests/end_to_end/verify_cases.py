# SPDX-License-Identifier: Apache-2.0
"""`ainode verify`: passes on what a build wrote, and finds each thing that was changed."""

from cases import case
from world import flipped, moved_away


def code_of(result):
    """The error's code, from the object that --json prints."""
    return result.json().get("code", "")


def verify(world, image, *arguments):
    return world.ainode("verify", image.directory, "--json", *arguments, place="first", timeout=600)


def assert_refused(result, *codes):
    assert result.status == 1 and code_of(result) in codes, result


@case()
def verify_passes(world):
    """Signatures and every hash of a fresh image are good, also with the public keys given by hand."""
    image = world.image()
    plain = verify(world, image)
    assert plain.status == 0, plain
    keys = world.key()
    given = verify(world, image, "--openpgp-key", keys / "openpgp.pub.asc", "--ed25519-key", keys / "ed25519.pub.pem")
    assert given.status == 0, given


@case()
def verify_refuses_another_key(world):
    """An image that somebody else signed is refused when the key is given."""
    image = world.image()
    stranger = world.key("stranger")
    assert_refused(verify(world, image, "--openpgp-key", stranger / "openpgp.pub.asc"), "T0031", "T0030", "T0003")
    assert_refused(verify(world, image, "--ed25519-key", stranger / "ed25519.pub.pem"), "T0031", "T0030", "T0003")


def some_object(image, suffix):
    return max((image.repository / "objects").glob(f"??/*.{suffix}"), key=lambda path: (path.stat().st_size, path))


@case()
def verify_finds_a_flipped_object(world):
    """One bit of the largest file object, of a directory object and of the commit: each is found."""
    image = world.image()
    for path, codes in (
        (some_object(image, "file"), ["T0032"]),
        (some_object(image, "dirtree"), ["T0032"]),
        (image.object("commit"), ["T0032", "T0031"]),
    ):
        with flipped(path):
            assert_refused(verify(world, image), *codes)
    assert verify(world, image).status == 0


@case()
def verify_finds_a_missing_object(world):
    """An object that is gone is found."""
    image = world.image()
    with moved_away(some_object(image, "file")):
        refused = verify(world, image)
        assert refused.status in (1, 3) and code_of(refused) in ("T0032", "B0006"), refused


@case()
def verify_finds_a_flipped_disk(world):
    """One bit of the disk image is found."""
    image = world.image()
    with flipped(image.disk):
        assert_refused(verify(world, image), "T0033")


@case()
def verify_finds_a_stripped_signature(world):
    """A commit whose signatures were taken away, or altered, is refused."""
    image = world.image()
    with moved_away(image.object("commitmeta")):
        assert_refused(verify(world, image), "T0030")
    size = image.object("commitmeta").stat().st_size
    with flipped(image.object("commitmeta"), size - 60):
        assert_refused(verify(world, image), "T0031", "T0030")
