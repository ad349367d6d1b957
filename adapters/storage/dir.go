package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ticketd/commands"
)

// Incoming is the folder in a Dir where uploads arrive. Nothing in it is worth a backup.
const Incoming = ".incoming"

// Dir keeps bytes in a folder, a file for each key. Uploads arrive in a folder inside, for a file takes its place in one
// step only on the file system that it is on.
type Dir struct {
	staging
	root string
}

// OpenDir answers the storage in a folder, which is made when it is needed.
func OpenDir(root string) (*Dir, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("find the folder of files: %w", err)
	}
	return &Dir{staging: newStaging(filepath.Join(root, Incoming)), root: root}, nil
}

// Root answers the folder.
func (d *Dir) Root() string { return d.root }

// Keep implements Storage. What Stage has answered is kept once.
func (d *Dir) Keep(_ context.Context, key string, s commands.Staged) error {
	own, ok := s.(*staged)
	if !ok || own.path == "" {
		return errors.New("only what was staged here, and is not kept yet, can be kept")
	}
	place, err := d.place(key)
	if err != nil {
		return err
	}
	if err := d.settle(own, place); err != nil {
		return full(fmt.Errorf("keep %s: %w", key, err))
	}
	return nil
}

// settle moves a staging file to its place. The bytes are on the disk before the name is, and the name before anybody is
// told.
func (d *Dir) settle(s *staged, place string) error {
	if err := s.file.Sync(); err != nil {
		return err
	}
	if err := d.makeFolder(filepath.Dir(place)); err != nil {
		return err
	}
	if err := os.Rename(s.path, place); err != nil {
		return err
	}
	s.path = ""
	return syncFolder(filepath.Dir(place))
}

// makeFolder makes a folder below the root so that it outlives a loss of power: a new name is safe when the folder that
// holds it is.
func (d *Dir) makeFolder(folder string) error {
	if _, err := os.Stat(folder); err == nil || folder == d.root {
		return err
	}
	parent := filepath.Dir(folder)
	if err := d.makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) { // another upload was faster
		return err
	}
	return syncFolder(parent)
}

func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the folder of a checked key
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Open implements Storage.
func (d *Dir) Open(_ context.Context, key string) (Blob, error) {
	place, err := d.place(key)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(place) //nolint:gosec // the place of a checked key
	if err != nil {
		return nil, missing(key, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() { // the folder of an organization
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(missing(key, err), file.Close())
	}
	return openFile{File: file, size: info.Size()}, nil
}

// openFile is a file whose size is known.
type openFile struct {
	*os.File
	size int64
}

// Size implements Blob.
func (f openFile) Size() int64 { return f.size }

// Fetch implements Storage. The path is the file's own.
func (d *Dir) Fetch(ctx context.Context, key string) (path string, done func(), err error) {
	blob, err := d.Open(ctx, key)
	if err != nil {
		return "", nil, err
	}
	file := blob.(openFile) //nolint:errcheck,forcetypeassert // what Open of this very type answers
	return file.Name(), func() {}, file.Close()
}

// Remove implements Storage.
func (d *Dir) Remove(_ context.Context, key string) error {
	place, err := d.place(key)
	if err != nil {
		return err
	}
	if err := os.Remove(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

// Sweep implements Storage.
func (d *Dir) Sweep(_ context.Context, olderThan time.Duration) error { return d.sweep(olderThan) }

func (d *Dir) place(key string) (string, error) {
	if err := checked(key); err != nil {
		return "", err
	}
	return filepath.Join(d.root, filepath.FromSlash(key)), nil
}

func missing(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return fmt.Errorf("open %s: %w", key, err)
}
