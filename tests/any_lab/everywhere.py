"""Compares files of two builds that differ in one text: each is read as its reader reads it.

/in/N/case has the plain text and the hostile one, /in/N/plain and /in/N/hostile what differs of the
two bundles. What was read must be the same but for that text. Prints what is not.
"""

import base64
import difflib
import gzip
import json
import os
import re
import shlex

import yaml

PLAIN = "plaintext"


def scalars(value, path=""):
    """Lists the texts of a document, each with its place in it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (path, "key", str(key))
            yield from scalars(item, f"{path}.{len(path)}")
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item, f"{path}[]")
    else:
        yield (path, type(value).__name__, unpacked(value) if isinstance(value, str) else str(value))


def unpacked(text):
    """Returns what is packed in a text, or else the text."""
    if len(text) < 60 or not re.fullmatch(r"[A-Za-z0-9+/=\s]+", text):
        return text
    try:
        return gzip.decompress(base64.b64decode(text)).decode()
    except (ValueError, OSError):
        return text


def outside_quotes(text):
    """Counts what sh would expand outside of single quotes and comments."""
    count, quoted, escaped = 0, False, False
    for character in re.sub(r"(?m)^\s*#.*$", "", text):
        if character == "'" and not escaped:
            quoted = not quoted
        count += character in "$`" and not quoted and not escaped
        escaped = character == "\\" and not quoted and not escaped
    return count


def shell(plain, hostile, swap):
    """Compares scripts by the words of the lines that differ. Their order may follow the text."""
    words, found = [], []
    for one, other in hunks(plain, hostile):
        if one.lstrip().startswith("#") and "\n" not in one.strip():
            if len(other.splitlines()) != len(one.splitlines()):
                yield f"a comment is {other!r}"
            continue
        try:
            words += shlex.split(one)
            found += [mount(word) for word in shlex.split(other)]
        except ValueError as error:
            yield f"{error}: {other!r}"
    left = list(found)
    for word in words:
        # A name that is made of the text, such as that of a dump, has hyphens in place of signs.
        for version in (mount(swap(word)), mount(hyphens(word, swap))):
            if version in left:
                left.remove(version)
                break
        else:
            yield f"{swap(word)!r} is not among {found}"
    if left:
        yield f"{left} is new"
    if outside_quotes(plain) != outside_quotes(hostile):
        yield "it would be expanded"


def hyphens(word, swap):
    name = re.sub(r"[^A-Za-z0-9._-]", "-", swap(PLAIN).rsplit("/", 1)[-1])
    return word.replace(PLAIN, name)


def mount(word):
    """Reads the name of a mount's unit, and hides the name of the file that it is in."""
    word = re.sub(r"(\\x[0-9a-f]{2})+", lambda it: octets(it[0]), word)
    return re.sub(r"^systemd/(mount-\d+|.*\.mount)$", "systemd/MOUNT", word, flags=re.S)


def octets(text):
    return bytes.fromhex(text.replace("\\x", "")).decode()


def hunks(plain, hostile):
    a, b = plain.splitlines(True), hostile.splitlines(True)
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, False).get_opcodes():
        if tag != "equal":
            yield "".join(a[i1:i2]), "".join(b[j1:j2])


def lines(plain, hostile, swap, unescape):
    """Compares files of lines, of which every one is a value or has one."""
    a, b = plain.split("\n"), hostile.split("\n")
    if len(a) != len(b):
        yield f"{len(a)} lines are {len(b)}: {hostile!r}"
        return
    # Their order may follow the text.
    a = sorted(swap(unescape(line)) for line in a)
    b = sorted(unescape(line) for line in b)
    for one, other in zip(a, b):
        if one != other:
            yield f"{one!r} is {other!r}"


def unit(line):
    """Reads a line of a unit. The words of a command have quotes of their own."""
    line = line.replace("%%", "%")
    if not line.startswith("Exec"):
        return re.sub(r'(^|[= ])"(.*)"$', r"\1\2", line)
    key, _, command = line.partition("=")
    return str([key] + shlex.split(command.replace("$$", "$")))


def markdown(line):
    return re.sub(r"\\(.)", r"\1", line)


def compare(name, plain, hostile, swap, texts):
    """Yields the differences between two versions of a file that the text does not explain."""
    ending = name.rsplit(".", 1)[-1]
    if ending == "json" or (ending in ("yml", "yaml") or "cloud-init/" in name):
        read = json.loads if ending == "json" else lambda text: list(yaml.safe_load_all(text))
        one, other = list(scalars(read(plain))), list(scalars(read(hostile)))
        if len(one) != len(other):
            yield f"{len(one)} texts are {len(other)}"
            return
        for (place, kind, a), (place_b, kind_b, b) in zip(one, other):
            if (place, kind) != (place_b, kind_b):
                yield f"{kind} at {place} is {kind_b}"
            elif a != b and swap(a) != b and texts[0] not in a:
                yield f"{a!r} is {b!r}"
            elif a != b and swap(a) != b:
                # A text within a text: a script, a query, a URL.
                if len(a.split(texts[0])) == 2 and not (
                    b.startswith(a.split(texts[0])[0]) or b.endswith(a.split(texts[0])[1])
                ):
                    yield f"{swap(a)!r} is {b!r}"
    elif ending == "sh" or plain.startswith("#!/bin/sh"):
        yield from shell(plain, hostile, swap)
    elif ending == "md":
        if len(plain.split("\n")) != len(hostile.split("\n")):
            yield "it has more or fewer lines"
    elif ending in ("service", "timer", "mount", "socket", "path", "target"):
        yield from lines(plain, hostile, swap, unit)
    else:
        yield from lines(plain, hostile, swap, lambda line: line)


def files(folder):
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            whole = os.path.join(path, name)
            with open(whole, encoding="utf-8", newline="") as file:
                # A hash of a text differs with it.
                text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", file.read())
                # The name of an image follows from what it is built of.
                text = re.sub(r"(labwright\.local/[a-z0-9-]+:1-)[0-9a-f]{12}\b", r"\1HASH", text)
                found[os.path.relpath(whole, folder)] = text
    return found


def main():
    for number in sorted(os.listdir("/in"), key=int):
        with open(f"/in/{number}/case", encoding="utf-8") as file:
            case = json.load(file)
        texts = (case["plain"], case["hostile"])
        swap = lambda text: text.replace(*texts)
        plain, hostile = files(f"/in/{number}/plain"), files(f"/in/{number}/hostile")
        only = {swap(name) for name in plain} ^ set(hostile)
        # The name of a mount's unit is that of its folder, which not every bundle can hold.
        wrong = [f"only {name}" for name in only if "/systemd/" not in name]
        for name in plain:
            if swap(name) in hostile:
                try:
                    wrong += [
                        f"{name}: {it}"
                        for it in compare(name, plain[name], hostile[swap(name)], swap, texts)
                    ]
                except Exception as error:
                    wrong.append(f"{name}: {type(error).__name__}: {error}")
        for it in wrong:
            print(f"{case['place']} with {texts[1]!r}: {it}"[:600])


main()
