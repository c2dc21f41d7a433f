#!/bin/sh
# Back a warehouse up: backup.sh WAREHOUSE FOLDER. Waits until nobody writes to it, and keeps writers away meanwhile.
# Everything but scratch is in it, the inbox too: a delivery that is no longer there counts as withdrawn.
set -eu
warehouse=$1 folder=$2
name="dx-$(date -u +%Y%m%dT%H%M%SZ).tar.gz"
umask 077
mkdir -p "$folder" "$warehouse/.scratch"
flock "$warehouse/.scratch/writing.lock" \
	tar --create --gzip --file "$folder/.$name" --directory "$warehouse" --exclude=./.scratch .
sync "$folder/.$name"
mv "$folder/.$name" "$folder/$name"
(cd "$folder" && sha256sum "$name" > "$name.sha256")
echo "$folder/$name"
