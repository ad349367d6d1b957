package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"ticketd/commands"
)

// S3 keeps bytes in a bucket, an object for each key. Uploads arrive in a folder on this machine, for a bucket could not
// tell what they are before they are whole.
type S3 struct {
	staging
	client *minio.Client
	bucket string
	prefix string
	sse    encrypt.ServerSide // nil: as the bucket has it
}

// attempts is how often a request is made before it counts as failed. Whoever waits behind it has a time-out too.
const attempts = 3

// OpenS3 answers the storage in a bucket, named by s3://bucket/prefix. dir is the folder on this machine where uploads and
// fetched copies lie. Who we are is taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from the shared file of
// credentials, or from the machine's own role. The query may say
//
//	region      of the bucket; empty: the service is asked
//	endpoint    of a service that is not Amazon's: https://minio.example.com:9000
//	path_style  true: the bucket is named in the path, and not in the host
//	sse         AES256: the service encrypts what it keeps with a key of its own
func OpenS3(address *url.URL, dir string) (*S3, error) {
	query := address.Query()
	for option := range query {
		if !slices.Contains([]string{"region", "endpoint", "path_style", "sse"}, option) {
			return nil, fmt.Errorf("the address of the storage has an unknown option %q", option)
		}
	}
	if address.Host == "" {
		return nil, errors.New("the address of the storage names no bucket")
	}
	s := &S3{staging: newStaging(dir), bucket: address.Host, prefix: strings.Trim(address.Path, "/")}
	switch query.Get("sse") {
	case "":
	case "AES256":
		s.sse = encrypt.NewSSE()
	default:
		return nil, errors.New("the storage's option sse can only be AES256")
	}
	host, secure, err := endpoint(query.Get("endpoint"))
	if err != nil {
		return nil, err
	}
	lookup := minio.BucketLookupAuto
	if query.Get("path_style") == "true" {
		lookup = minio.BucketLookupPath
	}
	s.client, err = minio.New(host, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
		Secure: secure, Region: query.Get("region"), BucketLookup: lookup, MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("read the address of the storage: %w", err)
	}
	return s, nil
}

func endpoint(address string) (host string, secure bool, err error) {
	if address == "" {
		return "s3.amazonaws.com", true, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false, errors.New("the storage's endpoint must begin with http:// or https://")
	}
	return u.Host, u.Scheme == "https", nil
}

// Keep implements Storage. A bucket shows an object only when all of it is there.
func (s *S3) Keep(ctx context.Context, key string, upload commands.Staged) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	// In one piece: parts that a crash leaves behind stay in a bucket, and on its bill, unseen. A section can be read again
	// when the service wants it a second time.
	_, err = s.client.PutObject(ctx, s.bucket, name, io.NewSectionReader(upload, 0, upload.Size()), upload.Size(), minio.PutObjectOptions{
		ContentType: "application/octet-stream", ServerSideEncryption: s.sse, DisableMultipart: true,
		DisableContentSha256: upload.Size() == 0, // signed piece by piece, nothing at all would be sent without its length
	})
	if err != nil {
		return s.explain("keep", key, err)
	}
	return nil
}

// Open implements Storage.
func (s *S3) Open(ctx context.Context, key string) (Blob, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	object, err := s.client.GetObject(ctx, s.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, s.explain("open", key, err)
	}
	info, err := object.Stat() // the first thing that asks the service
	if err != nil {
		return nil, errors.Join(s.explain("open", key, err), object.Close())
	}
	return openObject{Object: object, size: info.Size}, nil
}

// openObject is an object whose size is known.
type openObject struct {
	*minio.Object
	size int64
}

// Size implements Blob.
func (o openObject) Size() int64 { return o.size }

// Fetch implements Storage. The path is that of a copy.
func (s *S3) Fetch(ctx context.Context, key string) (path string, done func(), err error) {
	blob, err := s.Open(ctx, key)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = blob.Close() }() // was read, or failed already
	file, err := s.file()
	if err != nil {
		return "", nil, err
	}
	_, err = io.Copy(file, blob)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", nil, errors.Join(full(fmt.Errorf("fetch %s: %w", key, err)), os.Remove(file.Name()))
	}
	return file.Name(), func() { _ = os.Remove(file.Name()) }, nil // Sweep removes what cannot be removed now
}

// Remove implements Storage.
func (s *S3) Remove(ctx context.Context, key string) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	if err := s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil {
		return s.explain("remove", key, err)
	}
	return nil
}

// Sweep implements Storage. A bucket has nothing to sweep.
func (s *S3) Sweep(_ context.Context, olderThan time.Duration) error { return s.sweep(olderThan) }

func (s *S3) name(key string) (string, error) {
	if err := checked(key); err != nil {
		return "", err
	}
	return path.Join(s.prefix, key), nil
}

// explain makes of what the service answered what whoever asked can act on.
func (s *S3) explain(doing, key string, err error) error {
	said := minio.ToErrorResponse(err)
	wrapped := fmt.Errorf("%s %s in bucket %s: %w", doing, key, s.bucket, err)
	switch {
	case said.StatusCode == http.StatusNotFound && said.Code != minio.NoSuchBucket: // a wrong bucket is the operator's mistake
		return ErrNotFound
	case said.StatusCode == http.StatusInsufficientStorage, said.Code == "XMinioStorageFull", strings.Contains(said.Code, "QuotaExceeded"):
		return fmt.Errorf("%w: %w", commands.ErrStorageFull, wrapped)
	}
	return wrapped
}
