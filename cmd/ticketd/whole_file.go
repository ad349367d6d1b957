package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeWhole gives a file what write writes, or leaves the one that was there as it was: it is written beside its place,
// and moved there when all of it is on the disk. An error when what was there is no file: a device would be replaced by one.
func writeWhole(path string, write func(draft *os.File) error) error {
	if there, err := os.Stat(path); err == nil && !there.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", path)
	}
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = write(draft)
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}
