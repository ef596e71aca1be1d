"""The same work done with other people's libraries (`pip install -e '.[bench]'`), to compare with."""
