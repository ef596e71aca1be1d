"""What people read: tables and cards. On a terminal rounded and local, in a pipe exact and UTC."""
