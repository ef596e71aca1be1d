#!/bin/sh
# Installs Debian's chromium for the tests of the page where it is missing and that can be done; else says how to.
# It never fails: without a browser those tests are skipped, and say why.
for name in chromium chromium-browser google-chrome-stable google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "note: no chromium found, so the tests of the page will be skipped" >&2
  echo "hint: install it, such as by \`sudo apt-get install chromium\`" >&2
  exit 0
fi
echo "Installing chromium for the tests of the page ..." >&2
if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; then
  exit 0
fi >/dev/null 2>&1
echo "note: \`apt-get install chromium\` failed, so the tests of the page will be skipped" >&2
