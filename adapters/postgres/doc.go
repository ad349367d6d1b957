// Package postgres brings a PostgreSQL to the program: an embedded cluster when no server is configured, a pool of
// connections to either kind, and the migrations of its schema.
//
// # Why
//
// The embedded cluster is the machine's own PostgreSQL, not a download: security updates come with the system, and
// moving to a real server later is a dump and a URL.
//
// PostgreSQL refuses to run as root, and a system user cannot walk into a folder that only root may enter. Instead of
// loosening a folder's permissions, the child inherits the opened data directory and is told that it lives in
// /proc/self/fd/3: Linux then checks the directory itself and none of its parents. Every backend is a fork of the
// postmaster, so the descriptor stays valid in all of them, also after a restart that follows a crashed backend.
//
// The kernel ends the postmaster when the program is killed (a parent death signal). It asks for a fast shutdown, so
// what was committed needs no recovery. Whatever is still alive at the next start is found by its working directory,
// never by a process id alone, since ids are reused, above all in containers.
//
// Readiness is read from postmaster.pid, as pg_ctl does: a connection made too early would leave a FATAL line in
// the log of a healthy server.
package postgres
