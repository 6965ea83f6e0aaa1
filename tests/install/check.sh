#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs into a folder that nobody has named before, and uses what is there.
set -eu
build=$1 compiler=$2 flags=$3
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

cmake --install "$build" --prefix "$prefix" >"$prefix/install.log"
"$prefix/sbin/waymarkd" --version
"$prefix/bin/waymark" --version
for file in share/man/man8/waymarkd.8 share/man/man1/waymark.1; do
	[ -s "$prefix/$file" ]
done
"$prefix/sbin/waymarkd" --check --config "$prefix/share/doc/waymark/waymark.yaml.example"
for unit in waymarkd.service waymarkd.socket; do
	[ -s "$prefix/lib/systemd/system/$unit" ]
done
for folder in sysusers.d tmpfiles.d; do
	[ -s "$prefix/lib/$folder/waymark.conf" ]
done
"$prefix/libexec/waymark/make-certificates" "$prefix/certs" agent agent ::1 >"$prefix/certs.log"
[ -s "$prefix/certs/agent.pem" ]

cat >"$prefix/program.c" <<'END'
#include <waymark/client.h>
#include <waymark/v1/marker.pb-c.h>

int main(void)
{
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;

	return mark.base.descriptor != &waymark__v1__mark__descriptor;
}
END
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name waymark.pc)")
export PKG_CONFIG_PATH
libraries=$(pkg-config --variable=libdir waymark)
# shellcheck disable=SC2046,SC2086 # words on purpose
"$compiler" $flags $(pkg-config --cflags waymark) -o "$prefix/program" "$prefix/program.c" \
	$(pkg-config --libs waymark) -Wl,-rpath,"$libraries"
"$prefix/program"
for header in "$prefix"/include/waymark/*.h; do
	echo "#include <waymark/${header##*/}>" >"$prefix/header.c"
	# shellcheck disable=SC2046
	"$compiler" -std=c11 -Wall -Werror -fsyntax-only $(pkg-config --cflags waymark) \
		"$prefix/header.c"
done
for example in "$prefix"/share/doc/waymark/examples/*.c; do
	# shellcheck disable=SC2046,SC2086
	"$compiler" $flags $(pkg-config --cflags waymark) -o "${example%.c}" "$example" \
		$(pkg-config --libs waymark) -pthread -Wl,-rpath,"$libraries"
done
[ "$(nm -D --defined-only "$libraries/libwaymark.so" | grep -c ' T waymark_\(watch\|replace\)_')" = 8 ]
