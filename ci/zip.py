# Writes a zip file of a directory: names in order, and the time of SOURCE_DATE_EPOCH, so that the same files give the
# same bytes.
#
#     zip.py FILE BASE NAME        the directory BASE/NAME, as NAME

import os
import pathlib
import sys
import time
import zipfile

file, base, name = sys.argv[1:]
date = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in sorted(pathlib.Path(base, name).rglob("*")):
        if path.is_file():
            entry = zipfile.ZipInfo(path.relative_to(base).as_posix(), date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (path.stat().st_mode & 0xFFFF) << 16
            archive.writestr(entry, path.read_bytes())
