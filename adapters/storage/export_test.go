package storage

import "os"

// OnDisk makes uploads arrive on another kind of disk.
func OnDisk(s Storage, create func(dir string) (*os.File, error)) {
	switch s := s.(type) {
	case *Dir:
		s.create = create
	case *S3:
		s.create = create
	}
}
