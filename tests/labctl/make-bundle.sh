#!/bin/sh
# Makes a bundle archive from a folder that holds `payload/`, without the compiler, so that labctl can be
# tested against bundles that the compiler would never write.
#
#   make-bundle.sh FOLDER OUT [VERSION SEQ [LAB MACHINE]]
#
# Prints the archive's path: OUT/<lab>-<machine>-<content12>.tar.gz. To spoil it, the shell text in MEDDLE runs
# in the root folder after the sums are taken, and TAR_EXTRA holds further arguments for tar.
set -eu
LC_ALL=C
export LC_ALL
umask 022

source=$1 out=$(cd "$2" && pwd) version=${3:-2025.1.0} seq=${4:-2025000001000000} lab=${5:-home} machine=${6:-vm}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
cp -R "$source/payload" "$work/tree/payload"
cd "$work/tree"
find payload -type f | sort >../files
: >SHA256SUMS
if [ -s ../files ]; then xargs sha256sum <../files >SHA256SUMS; fi
find payload -type f -exec chmod 644 {} +
find payload -type f \( -name '*.sh' -o -path payload/labctl \) -exec chmod 755 {} +
printf '{\n  "format": "labwright.manifest/1"\n}\n' >manifest.json
content=$(sha256sum <SHA256SUMS | cut -c1-64)
{
    echo "format labwright.bundle/1"
    echo "lab $lab"
    echo "machine $machine"
    echo "version $version"
    echo "seq $seq"
    echo "content $content"
    echo "manifest-sha256 $(sha256sum <manifest.json | cut -c1-64)"
} >BUNDLE
chmod 644 BUNDLE SHA256SUMS manifest.json
[ -z "${MEDDLE:-}" ] || eval "$MEDDLE"
name=$lab-$machine-$(printf %.12s "$content")
cd ..
mv tree "$name"
find "$name" ! -type d | sort >entries
# shellcheck disable=SC2086  # several words
tar --format=ustar --owner=0 --group=0 --mtime=@1 --no-recursion -b 1 -cf bundle.tar ${TAR_EXTRA:-} -T entries
gzip -9n <bundle.tar >"$out/$name.tar.gz"
echo "$out/$name.tar.gz"
