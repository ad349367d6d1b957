// Package storage keeps the bytes of files: in a folder, or in a bucket that speaks S3.
//
// # Why
//
// Bytes are kept under keys that say what they are, so the same key never means other bytes: nothing here is ever changed,
// only made and removed, and a copy needs no lock. An upload arrives in a staging folder first, because what it is and
// whether it may stay is known only when its last byte is here. It becomes permanent in one step, so no reader ever sees
// half a file, and after that step not even a loss of power takes it away.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"ticketd/commands"
)

// ErrNotFound reports that nothing is kept under a key.
var ErrNotFound = errors.New("no bytes are kept under this key")

// Blob is bytes that are kept, open for reading. It is an alias so that whoever reads can declare the same port.
type Blob = interface {
	io.ReadSeekCloser
	Size() int64
}

// Storage keeps bytes.
type Storage interface {
	commands.Blobs

	// Open answers what is kept under the key, to be read until ctx ends. ErrNotFound when there is nothing.
	Open(ctx context.Context, key string) (Blob, error)

	// Fetch answers a path on this machine where what is kept under the key can be read, but not changed, until done is
	// called. ErrNotFound when there is nothing, commands.ErrStorageFull when there is no room for a copy.
	Fetch(ctx context.Context, key string) (path string, done func(), err error)

	// Remove removes what is kept under the key. It is no error when there is nothing.
	Remove(ctx context.Context, key string) error

	// Sweep removes what uploads that a crash cut off have left behind. Uploads that have made no progress for olderThan,
	// and copies fetched longer ago, count as cut off.
	Sweep(ctx context.Context, olderThan time.Duration) error
}

// Open answers the storage of an address. Nothing is asked of it yet, so one that is down is found by the first use.
//
//	(empty)                    the folder "files" in dataDir
//	file:///var/lib/files      a folder
//	file://files               a folder below the working directory
//	s3://bucket/some/prefix    a bucket, with the options of OpenS3 in the query
func Open(address, dataDir string) (Storage, error) {
	if address == "" {
		return OpenDir(filepath.Join(dataDir, "files"))
	}
	scheme, rest, _ := strings.Cut(address, "://")
	switch scheme {
	case "file":
		if rest == "" {
			return nil, errors.New("the address of the storage names no folder")
		}
		return OpenDir(rest)
	case "s3":
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("read the address of the storage: %w", err)
		}
		return OpenS3(u, filepath.Join(dataDir, "incoming"))
	}
	return nil, errors.New("the address of the storage must begin with file:// or s3://")
}

// checked refuses a key that could leave its folder, or that could be a file of our own in it.
func checked(key string) error {
	if key == "." || !fs.ValidPath(key) || strings.HasPrefix(key, ".") || strings.Contains(key, "/.") || strings.ContainsAny(key, "\\\x00") {
		return fmt.Errorf("%q is no key to keep bytes under", key)
	}
	return nil
}
