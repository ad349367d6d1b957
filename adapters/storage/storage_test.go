package storage_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/storage"
)

func TestWithoutAnAddressFilesLieInTheDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := storage.Open("", dir)
	require.NoError(t, err)
	keep(t, s, "org/aa", []byte("hello"))
	require.FileExists(t, filepath.Join(dir, "files", "org", "aa"))
}

func TestAnAddressMayNameAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := storage.Open("file://"+dir+"/some where", t.TempDir())
	require.NoError(t, err)
	keep(t, s, "org/aa", []byte("hello"))
	require.FileExists(t, filepath.Join(dir, "some where", "org", "aa"))
}

func TestARelativeAddressIsBelowTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s, err := storage.Open("file://some/where", "")
	require.NoError(t, err)
	t.Chdir(os.TempDir())
	keep(t, s, "org/aa", []byte("hello"))
	require.FileExists(t, filepath.Join(dir, "some", "where", "org", "aa"), "of the time when it was opened")
}

func TestAnAddressThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for address, why := range map[string]string{
		"/var/lib/files":               "must begin with file:// or s3://",
		"gs://bucket":                  "must begin with file:// or s3://",
		"file://":                      "names no folder",
		"s3://":                        "names no bucket",
		"s3://bucket?regoin=x":         `unknown option "regoin"`,
		"s3://bucket?sse=yes":          "sse can only be AES256",
		"s3://bucket?endpoint=minio":   "endpoint must begin with http:// or https://",
		"s3://bu cket":                 "read the address of the storage",
		"s3://b?endpoint=http://a%20b": "endpoint must begin with",
		"s3://b?endpoint=http://-":     "read the address of the storage",
	} {
		_, err := storage.Open(address, t.TempDir())
		require.ErrorContains(t, err, why, address)
	}
	_, err := storage.Open("s3://bucket/prefix?region=eu-central-1", t.TempDir())
	require.NoError(t, err, "Amazon's own needs no endpoint")
}
