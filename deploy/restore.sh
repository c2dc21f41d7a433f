#!/bin/sh
# Restore a backup into a warehouse that is not there yet: restore.sh BACKUP WAREHOUSE. Then check it: dx verify.
set -eu
backup=$1 warehouse=$2
if [ -e "$warehouse" ]; then
	echo "restore.sh: $warehouse exists: move it away first, or name another folder." >&2
	exit 2
fi
(cd "$(dirname "$backup")" && sha256sum --check --quiet "$(basename "$backup").sha256")
umask 027
mkdir -p "$warehouse.restoring"
tar --extract --gzip --preserve-permissions --file "$backup" --directory "$warehouse.restoring"
mv "$warehouse.restoring" "$warehouse"
