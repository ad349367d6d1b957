// Package scantest starts a real clamd that knows one virus: the harmless one that exists to try scanners with.
//
// # Why
//
// The database that clamd is made for has hundreds of megabytes and comes from the network. A database of one line is a
// database too, and the daemon is then up in a tenth of a second.
package scantest

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ticketd/internal/child"
)

// Signature is what the scanner calls what it knows. clamd says of every database that is not its maker's that it is
// unofficial.
const Signature = "Eicar-Test.UNOFFICIAL"

// EICAR answers the file that every scanner is to find. It does nothing. It is put together here, so that no scanner finds
// this source.
func EICAR() []byte {
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}` + strings.Join([]string{"$EICAR", "STANDARD", "ANTIVIRUS", "TEST", "FILE!$H+H*"}, "-"))
}

// StreamMost is the longest file, in bytes, that the scanner looks at.
const StreamMost = 2 << 20

// patience is how long clamd may take to start, on a machine that is busy.
const patience = 30 * time.Second

// Start starts a clamd for one test, and answers the path of its socket. It needs clamd to be installed.
func Start(tb testing.TB) (addr string) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "clamd-") //nolint:usetesting // a test's own folder is too long for the path of a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	write(tb, filepath.Join(dir, "clamd.conf"), fmt.Sprintf(
		"Foreground yes\nDatabaseDirectory %s\nTemporaryDirectory %s\nLocalSocket %s\nStreamMaxLength %d\nMaxThreads 4\nSelfCheck 0\n",
		dir, dir, socket, StreamMost))
	name, _, _ := strings.Cut(Signature, ".")
	write(tb, filepath.Join(dir, "test.ndb"), fmt.Sprintf("%s:0:*:%s\n", name, hex.EncodeToString(EICAR())))

	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context())) // it is stopped after whatever the test cleans up
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- child.Run(ctx, child.Command{
			Name: "clamd", Args: []string{"--config-file", filepath.Join(dir, "clamd.conf")},
			Limits: child.Limits{Time: time.Hour, CPU: time.Hour, Memory: 4 << 30},
		})
	}()
	tb.Cleanup(func() {
		cancel()
		for range ended { // how it ended is our doing
		}
	})
	await(tb, socket, ended)
	return socket
}

// await waits until somebody listens at the socket.
func await(tb testing.TB, socket string, ended chan error) {
	tb.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			tb.Fatalf("clamd has ended: %v", err)
		case <-late.C:
			tb.Fatalf("clamd does not listen after %s", patience)
		case <-look.C:
			conn, err := new(net.Dialer).DialContext(tb.Context(), "unix", socket)
			if err == nil {
				_ = conn.Close()
				return
			}
		}
	}
}

func write(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}
