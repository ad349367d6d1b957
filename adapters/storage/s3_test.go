package storage_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/storage"
	"ticketd/commands"
)

func TestMain(m *testing.M) {
	// Who we are comes from the environment, as it does in production. Setting it for one test would forbid it to run
	// beside others.
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "something"} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func TestABucketKeepsThePromises(t *testing.T) {
	t.Parallel()
	contract(t, func(t *testing.T) (storage.Storage, string) {
		t.Helper()
		return bucket(t, service(t, nil), "/some/prefix", "")
	})
}

func TestABucketHoldsAnObjectForEachKeyBelowItsPrefix(t *testing.T) {
	t.Parallel()
	address := service(t, nil)
	s, _ := bucket(t, address, "/some/prefix/", "")
	keep(t, s, "org/aa", []byte("hello"))
	whole, _ := bucket(t, address, "", "")
	require.Equal(t, "hello", string(read(t, whole, "some/prefix/org/aa")))
}

func TestABucketIsAskedToEncrypt(t *testing.T) {
	t.Parallel()
	var asked atomic.Value
	address := service(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			asked.Store(r.Header.Get("X-Amz-Server-Side-Encryption"))
		}
		return true
	})
	s, _ := bucket(t, address, "", "")
	keep(t, s, key, []byte("hello"))
	require.Empty(t, asked.Load())
	s, _ = bucket(t, address, "", "&sse=AES256")
	keep(t, s, key, []byte("hello"))
	require.Equal(t, "AES256", asked.Load())
}

func TestABucketThatIsFullRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []struct {
		status int
		code   string
	}{{http.StatusInsufficientStorage, "XMinioStorageFull"}, {http.StatusBadRequest, "XMinioAdminBucketQuotaExceeded"}} {
		address := service(t, func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method != http.MethodPut || refuse(w, r, answer.status, answer.code)
		})
		s, incoming := bucket(t, address, "", "")
		staged := stage(t, s, []byte("hello"))
		require.ErrorIs(t, s.Keep(t.Context(), key, staged), commands.ErrStorageFull)
		require.NoError(t, staged.Close())
		require.Empty(t, names(t, incoming))
	}
}

func TestABucketThatFailsIsAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	address := service(t, func(w http.ResponseWriter, r *http.Request) bool {
		return refuse(w, r, http.StatusForbidden, "AccessDenied")
	})
	s, _ := bucket(t, address, "", "")
	require.ErrorContains(t, s.Keep(t.Context(), key, stage(t, s, []byte("hello"))), "keep "+key+" in bucket files")
	_, err := s.Open(t.Context(), key)
	require.ErrorContains(t, err, "open "+key+" in bucket files")
	require.NotErrorIs(t, err, storage.ErrNotFound)
	require.ErrorContains(t, s.Remove(t.Context(), key), "remove "+key+" in bucket files")
}

func TestABucketThatDoesNotExistIsNoMissingFile(t *testing.T) {
	t.Parallel()
	address := service(t, nil)
	s, err := storage.Open("s3://elsewhere?region=us-east-1&path_style=true&endpoint="+url.QueryEscape(address), t.TempDir())
	require.NoError(t, err)
	err = s.Keep(t.Context(), key, stage(t, s, []byte("hello")))
	require.ErrorContains(t, err, "bucket")
	require.NotErrorIs(t, err, storage.ErrNotFound)
}

func TestANameThatNoBucketCanHaveIsAnError(t *testing.T) {
	t.Parallel()
	s, err := storage.Open("s3://a?region=us-east-1&path_style=true&endpoint="+url.QueryEscape(service(t, nil)), t.TempDir())
	require.NoError(t, err)
	_, err = s.Open(t.Context(), key)
	require.ErrorContains(t, err, "open "+key)
}

func TestWhatABucketStopsSendingIsNoFile(t *testing.T) {
	t.Parallel()
	address := service(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return true
		}
		w.Header().Set("Content-Length", "1000000")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		_, _ = w.Write([]byte("the beginning"))
		return false
	})
	s, incoming := bucket(t, address, "", "")
	keep(t, s, key, []byte("hello"))
	_, _, err := s.Fetch(t.Context(), key)
	require.ErrorContains(t, err, "fetch "+key)
	require.Empty(t, names(t, incoming))
}

func TestACopyNeedsRoom(t *testing.T) {
	t.Parallel()
	s, incoming := bucket(t, service(t, nil), "", "")
	keep(t, s, key, []byte("hello"))
	storage.OnDisk(s, fullDisk)
	_, _, err := s.Fetch(t.Context(), key)
	require.ErrorIs(t, err, commands.ErrStorageFull)
	require.Empty(t, names(t, incoming))
	storage.OnDisk(s, func(string) (*os.File, error) { return nil, os.ErrPermission })
	_, _, err = s.Fetch(t.Context(), key)
	require.ErrorIs(t, err, os.ErrPermission)
}

// service starts an S3 with a bucket "files". first sees each request, and says whether it goes on to the service.
func service(t *testing.T, first func(w http.ResponseWriter, r *http.Request) bool) (address string) {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("files"))
	s3 := gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first == nil || first(w, r) {
			s3.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func bucket(t *testing.T, address, prefix, options string) (s storage.Storage, incoming string) {
	t.Helper()
	dir := t.TempDir()
	s, err := storage.Open("s3://files"+prefix+"?region=us-east-1&path_style=true&endpoint="+url.QueryEscape(address)+options, dir)
	require.NoError(t, err)
	return s, filepath.Join(dir, "incoming")
}

// refuse answers a request in the service's stead.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
	return false
}
