from __future__ import annotations

import os
import stat

import pytest

from clm.errors import InvalidDataError
from clm.report._file import check_writable, write_whole


class TestWriting:
    def test_a_new_file_is_readable_as_the_umask_says(self, tmp_path):
        before = os.umask(0o022)
        try:
            write_whole(tmp_path / "page.html", "text ü")
        finally:
            os.umask(before)
        assert (tmp_path / "page.html").read_text("utf-8") == "text ü"
        assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o644

    def test_an_existing_file_is_replaced_and_keeps_its_mode(self, tmp_path):
        target = tmp_path / "page.html"
        target.write_text("old")
        target.chmod(0o600)
        write_whole(target, "new")
        assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", 0o600)

    def test_nothing_stays_beside_it(self, tmp_path):
        write_whole(tmp_path / "page.html", "text")
        assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]

    def test_a_link_is_followed(self, tmp_path):
        (tmp_path / "real.html").write_text("old")
        (tmp_path / "page.html").symlink_to(tmp_path / "real.html")
        write_whole(tmp_path / "page.html", "new")
        assert (tmp_path / "page.html").is_symlink()
        assert (tmp_path / "real.html").read_text() == "new"

    def test_a_device_is_written_to_and_stays_one(self):
        write_whole("/dev/null", "text")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116  # the device itself

    def test_when_the_disk_fails_the_old_file_stays(self, tmp_path, monkeypatch):
        target = tmp_path / "page.html"
        target.write_text("old")

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("clm.report._file.os.fsync", full)
        with pytest.raises(InvalidDataError, match="No space left on device"):
            write_whole(target, "new")
        assert target.read_text() == "old"
        assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


class TestRefusals:
    def test_a_directory(self, tmp_path):
        with pytest.raises(InvalidDataError, match="is a directory"):
            check_writable(tmp_path)

    def test_a_missing_directory(self, tmp_path):
        with pytest.raises(InvalidDataError, match="there is no directory"):
            check_writable(tmp_path / "no" / "page.html")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_closed_directory(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(InvalidDataError, match="permission denied"):
            check_writable(tmp_path / "page.html")
