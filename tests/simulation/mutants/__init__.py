"""The code broken on purpose, one guarantee at a time, to show that the tests notice."""
