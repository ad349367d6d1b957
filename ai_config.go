// Package ticketd holds what lies at the top of the tree and is built into the program.
//
// # Why
//
// An operator looks for ai_config.yaml beside the README; a package can only build in what lies below it.
package ticketd

import _ "embed" // for the file

// AIConfig is ai_config.yaml: what holds unless the operator has a file of his own.
//
//go:embed ai_config.yaml
var AIConfig []byte
