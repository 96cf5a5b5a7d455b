"""Keys on disk, pseudonyms and seals: what leaks, what survives, what is refused."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.vault import SEAL_OCTETS, Vault, VaultError

NUMBER = "33612340001"
DIGITS = st.text("0123456789", min_size=1, max_size=20)


def entropy(seed: int = 0) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def opened(path: Path, seed: int = 0) -> Vault:
    vault = Vault.open(path / "keys", entropy(seed))
    vault.make_epoch(1)
    vault.use(1, (1,))
    return vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return opened(tmp_path)


@pytest.fixture
def keys(tmp_path: Path, vault: Vault) -> Path:
    return tmp_path / "keys"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return opened(tmp_path_factory.mktemp("vault"))


def test_the_first_start_makes_a_private_directory_and_private_files(keys: Path) -> None:
    assert sorted(path.name for path in keys.iterdir()) == ["epoch-1.key", "optout.key"]
    assert keys.stat().st_mode & 0o7777 == 0o700
    assert {path.stat().st_mode & 0o7777 for path in keys.iterdir()} == {0o600}


def test_a_second_start_reads_the_same_keys(vault: Vault, keys: Path) -> None:
    sealed = vault.seal(NUMBER, 7)
    again = Vault.open(keys, entropy(9), known_fingerprint=vault.optout_fingerprint())
    again.use(1, (1,))
    assert again.epochs() == (1,)
    assert again.sender_keys(NUMBER) == vault.sender_keys(NUMBER)
    assert again.unseal(sealed, 7) == NUMBER


def test_making_an_epoch_twice_keeps_its_key(vault: Vault) -> None:
    before = vault.sender_keys(NUMBER)
    vault.make_epoch(1)
    vault.use(1, (1,))
    assert vault.sender_keys(NUMBER) == before


# --- pseudonyms


def test_pseudonyms_differ_by_purpose_epoch_and_server(vault: Vault, tmp_path: Path) -> None:
    vault.make_epoch(2)
    vault.use(2, (1, 2))
    other = tmp_path / "other"
    other.mkdir()
    mine, theirs = vault.sender_keys(NUMBER), opened(other, seed=1).sender_keys(NUMBER)
    seen = [mine.optout, mine.prefix, *mine.claims]
    seen += [theirs.optout, theirs.prefix, *theirs.claims]
    assert len(set(seen)) == len(seen) == 7
    assert {len(pseudonym) for pseudonym in seen} == {16}


def test_claims_stand_in_the_order_of_live_with_the_current_epoch_first(vault: Vault) -> None:
    old = vault.sender_keys(NUMBER)
    vault.make_epoch(2)
    vault.make_epoch(3)
    vault.use(2, (1, 2, 3))
    assert vault.live() == (2, 3, 1)
    new = vault.sender_keys(NUMBER)
    assert new.optout == old.optout
    assert new.claims[2] == old.claims[0]
    assert new.prefix != old.prefix


def test_a_prefix_hides_the_last_four_digits_and_nothing_else(vault: Vault) -> None:
    prefix = vault.sender_keys("33612340001").prefix
    assert vault.sender_keys("33612349999").prefix == prefix
    assert vault.sender_keys("33612350001").prefix != prefix


def test_more_prefixes_than_the_cache_holds_change_no_pseudonym(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smpp_server.vault._CACHED_PREFIXES", 3)
    numbers = [f"336{i}0001" for i in range(100, 110)]
    first = [vault.sender_keys(number) for number in numbers]
    assert [vault.sender_keys(number) for number in numbers] == first
    assert len(vault._prefixes) <= 3


def test_the_spread_fills_its_range_evenly(vault: Vault) -> None:
    quarter = [0, 0, 0, 0]
    for i in range(400):
        spread = vault.spread(vault.sender_keys(f"3361234{i:04d}").claims[0])
        assert 0 <= spread < 2**32
        quarter[spread >> 30] += 1
    assert min(quarter) > 60


def test_nothing_is_made_before_an_epoch_is_in_use(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "keys", entropy())
    for make in (lambda: vault.sender_keys(NUMBER), lambda: vault.seal(NUMBER, 1)):
        with pytest.raises(VaultError, match="no epoch is in use"):
            make()


# --- seals


@given(msisdn=DIGITS, reply_id=st.integers(0, 2**63 - 1))
def test_a_seal_opens_for_its_reply_only(shared: Vault, msisdn: str, reply_id: int) -> None:
    sealed = shared.seal(msisdn, reply_id)
    assert len(sealed) == SEAL_OCTETS
    assert shared.unseal(sealed, reply_id) == msisdn
    assert shared.unseal(sealed, reply_id ^ 1) == ""
    assert shared.seal(msisdn, reply_id) != sealed


@given(octet=st.integers(0, SEAL_OCTETS - 1), bit=st.integers(0, 7))
def test_a_changed_seal_does_not_open(shared: Vault, octet: int, bit: int) -> None:
    sealed = bytearray(shared.seal(NUMBER, 5))
    sealed[octet] ^= 1 << bit
    assert shared.unseal(bytes(sealed), 5) == ""


@given(st.binary(max_size=80))
def test_any_octets_are_refused_quietly(shared: Vault, octets: bytes) -> None:
    assert shared.unseal(octets, 1) == ""
    assert shared.unseal(b"\0\0\0\1" + octets, 1) == ""


@pytest.mark.parametrize("msisdn", ["", "+33612340001", "٠٦١٢", "3" * 21, "33 6"])
def test_what_is_no_number_is_not_sealed_nor_repeated(vault: Vault, msisdn: str) -> None:
    with pytest.raises(ValueError, match="1 to 20 digits") as caught:
        vault.seal(msisdn, 1)
    assert not msisdn or msisdn not in str(caught.value)


# --- the end of a key


def test_a_destroyed_epoch_is_gone_from_disk_and_memory(vault: Vault, keys: Path) -> None:
    sealed, old = vault.seal(NUMBER, 7), vault.sender_keys(NUMBER)
    secret = (keys / "epoch-1.key").read_text().split()[4]
    with (keys / "epoch-1.key").open() as still_open:
        vault.make_epoch(2)
        vault.use(2, (2,))
        vault.destroy_epoch(1)
        assert secret not in still_open.read()
    assert vault.epochs() == (2,)
    assert not (keys / "epoch-1.key").exists()
    assert vault.unseal(sealed, 7) == ""
    assert set(vault.sender_keys(NUMBER).claims).isdisjoint(old.claims)
    assert vault.sender_keys(NUMBER).optout == old.optout
    vault.destroy_epoch(1)
    with pytest.raises(VaultError, match=r"epoch-1\.key is missing"):
        vault.use(2, (1, 2))


def test_a_live_epoch_cannot_be_destroyed(vault: Vault) -> None:
    vault.make_epoch(2)
    vault.use(2, (1, 2))
    for number in (1, 2):
        with pytest.raises(VaultError, match="in use"):
            vault.destroy_epoch(number)
    assert vault.epochs() == (1, 2)


def test_an_epoch_number_must_fit_four_octets(vault: Vault) -> None:
    for number in (0, -1, 2**32):
        with pytest.raises(VaultError, match="outside"):
            vault.make_epoch(number)


# --- what is refused at the start, also for root, whom no permission stops


def refused(keys: Path, sentence: str, **options: object) -> None:
    with pytest.raises(VaultError, match=sentence):
        Vault.open(keys, entropy(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o666])
def test_a_key_file_open_to_others_is_refused_with_the_cure(keys: Path, mode: int) -> None:
    (keys / "optout.key").chmod(mode)
    refused(keys, rf"optout\.key is open to others \(mode {mode:o}\): chmod 600 .*optout\.key")


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o770])
def test_a_key_directory_open_to_others_is_refused_with_the_cure(keys: Path, mode: int) -> None:
    keys.chmod(mode)
    refused(keys, "keys is open to others .* chmod 700")


def test_a_link_to_a_key_is_refused(keys: Path, tmp_path: Path) -> None:
    os.link(keys / "epoch-1.key", tmp_path / "copy")  # would outlive the destruction
    refused(keys, r"epoch-1\.key has a second name")
    (tmp_path / "copy").unlink()
    (keys / "epoch-1.key").rename(tmp_path / "moved")
    (keys / "epoch-1.key").symlink_to(tmp_path / "moved")
    refused(keys, "epoch-1.key")
    (tmp_path / "linked").symlink_to(keys)
    refused(tmp_path / "linked", "symbolic link")


@pytest.mark.parametrize("owner", [0, 12345])
def test_only_root_and_the_servers_user_may_own_a_key(
    keys: Path, monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    path, mine = keys / "epoch-1.key", os.geteuid()
    if mine == 0:
        os.chown(path, owner, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: mine if owner == 0 else owner)
    if owner == 0:
        assert Vault.open(keys, entropy()).epochs() == (1,)
    else:
        refused(keys, "belongs to user .* chown")


def test_a_missing_optout_key_is_never_made_anew(keys: Path, vault: Vault) -> None:
    (keys / "optout.key").unlink()
    refused(keys, r"optout\.key is missing.*restore")
    (keys / "epoch-1.key").unlink()
    refused(keys, r"optout\.key is missing", known_fingerprint=vault.optout_fingerprint())
    assert list(keys.iterdir()) == []


def test_a_changed_optout_key_is_refused(keys: Path, vault: Vault) -> None:
    fingerprint = vault.optout_fingerprint()
    for path in keys.iterdir():
        path.unlink()
    Vault.open(keys, entropy(2))
    refused(keys, "not the key this database was made with", known_fingerprint=fingerprint)


@pytest.mark.parametrize("name", ["optout", "epoch-1"])
def test_a_damaged_key_is_refused_wherever_the_damage_is(keys: Path, name: str) -> None:
    path = keys / f"{name}.key"
    whole = path.read_bytes()
    for place in range(len(whole) - 1):
        path.write_bytes(whole[:place])
        refused(keys, "damaged")
    for place in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(keys, r"damaged|wrapped")


def test_one_epochs_key_does_not_pass_for_another(keys: Path, vault: Vault) -> None:
    vault.make_epoch(2)
    (keys / "epoch-1.key").replace(keys / "epoch-2.key")
    refused(keys, r"epoch-2\.key is damaged")


def test_an_interrupted_write_is_cleared_away(keys: Path) -> None:
    leftover = keys / "epoch-2.new"
    leftover.write_text("half a ke")
    assert Vault.open(keys, entropy()).epochs() == (1,)
    assert not leftover.exists()


def test_a_write_that_fails_leaves_nothing_and_may_be_repeated(
    keys: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(VaultError, match=r"epoch-2\.key: No space left"):
            vault.make_epoch(2)
    assert vault.epochs() == (1,)
    assert not (keys / "epoch-2.new").exists()
    vault.make_epoch(2)
    assert vault.epochs() == (1, 2)


def test_a_key_directory_without_a_parent_is_a_sentence(tmp_path: Path) -> None:
    refused(tmp_path / "absent" / "keys", "No such file or directory")


# --- the root key


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.write_bytes(b"correct horse battery staple, 40 octets.\n")
    path.chmod(0o440)  # as systemd shows a credential
    return path


def test_a_root_key_wraps_what_was_plain_and_is_then_needed(
    keys: Path, vault: Vault, root: Path
) -> None:
    secrets = [path.read_text().split()[4] for path in keys.iterdir()]
    wrapped = Vault.open(keys, entropy(3), root, vault.optout_fingerprint())
    wrapped.make_epoch(2)
    for path in keys.iterdir():
        text = path.read_text()
        assert " wrapped " in text
        assert not any(secret in text for secret in secrets)
        assert path.stat().st_mode & 0o7777 == 0o600
    again = Vault.open(keys, entropy(4), root)
    again.use(1, (1,))
    assert again.sender_keys(NUMBER) == vault.sender_keys(NUMBER)
    refused(keys, "wrapped by a root key, and none is given")
    root.chmod(0o600)
    root.write_bytes(b"another root key of more than 32 octets")
    refused(keys, "the root key given does not open", root_key=root)


def test_a_root_key_is_judged_by_its_own_rule(keys: Path, root: Path) -> None:
    for mode in (0o444, 0o460, 0o442):
        root.chmod(mode)
        refused(keys, "root is open to others .* chmod o-rwx,g-w", root_key=root)
    root.chmod(0o600)
    root.write_bytes(b"short")
    refused(keys, "too short for a root key", root_key=root)
    root.unlink()
    refused(keys, "root: No such file", root_key=root)


def test_no_key_shows_in_the_words_of_a_vault_or_its_errors(keys: Path, vault: Vault) -> None:
    secrets = [path.read_text().split()[4] for path in keys.iterdir()]
    (keys / "epoch-1.key").write_text(f"smppd-key 1 epoch-1 plain {secrets[0]} bad\n")
    with pytest.raises(VaultError) as caught:
        Vault.open(keys, entropy())
    words = f"{vault!r} {caught.value!r} {caught.value.__cause__!r}"
    assert not any(secret[:8] in words for secret in secrets)
