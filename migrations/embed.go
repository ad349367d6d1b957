// Package migrations holds the schema of the database as numbered steps, built into the program.
//
// # Why
//
// The program brings its schema along, so that a binary and its database cannot be of different versions.
package migrations

import "embed"

// FS holds the steps: NNNN_name.sql, each with a way up and a way down.
//
//go:embed *.sql
var FS embed.FS
