package outbound

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"ticketd/commands"
)

func TestOnlyPublicAddressesAreReached(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"8.8.8.8", "140.82.121.4", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.167.1.1", "223.255.255.255", "::ffff:8.8.8.8",
		"2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "2002:808:808::1", "2001:4860:4860::8888",
	} {
		require.True(t, border(nil).open(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.9", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
		"255.255.255.255", "168.63.129.16", "100.100.100.200",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2001::1", "2001:db8::1", "3fff::1",
		"100::1", "5f00::1", "::ffff:0:7f00:1",
	} {
		require.False(t, border(nil).open(netip.MustParseAddr(address)), address)
	}
	require.False(t, border(nil).open(netip.Addr{}))
}

func TestANetworkThatIsAllowedIsReachedHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	b := border(prefixes("127.0.0.1/32", "10.1.0.0/16", "fd00::/64"))
	for _, address := range []string{"127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1", "fd00::1", "fd00::1%eth0"} {
		require.True(t, b.open(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{"127.0.0.2", "10.2.0.1", "64:ff9b::a02:1", "fd00:0:0:1::1", "::1"} {
		require.False(t, b.open(netip.MustParseAddr(address)), address)
	}
}

func TestWhatIsNoAddressIsNotDialled(t *testing.T) {
	t.Parallel()
	require.Error(t, border(nil).control(t.Context(), "unix", "/run/socket", nil))
}

// A name that means an allowed address at first, and another one when it is asked for again.
func TestANameThatMeansAnotherAddressNowIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	var asked, reached atomic.Int32
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		w.Header().Set("Connection", "close") // so that the next request dials
	}))
	t.Cleanup(vendor.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(vendor.URL, "http://"))
	require.NoError(t, err)
	names := nameServer(t, func() [4]byte {
		if asked.Add(1) == 1 {
			return [4]byte{127, 0, 0, 1}
		}
		return [4]byte{127, 0, 0, 2}
	})
	c := newClient(Options{Silence: 5 * time.Second, Clock: time.Now}, dialer(Options{Allow: prefixes("127.0.0.1/32")}, names).DialContext)
	t.Cleanup(c.Close)
	ask := func() error {
		_, err := c.Do(t.Context(), uuid.New(), Request{Method: http.MethodGet, URL: "http://vendor.example:" + port + "/"}, nil)
		return err
	}
	require.NoError(t, ask())
	err = ask()
	require.Equal(t, &commands.VendorError{Kind: commands.Rejected, Message: "The address 127.0.0.2 is not public, and may not be reached."}, err)
	require.EqualValues(t, 1, reached.Load())
	require.EqualValues(t, 2, asked.Load())
}

// nameServer answers a resolver by which every name means what address says.
func nameServer(t *testing.T, address func() [4]byte) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	go func() {
		defer close(done)
		packet := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer := resolve(packet[:n], address); answer != nil {
				_, _ = server.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func resolve(packet []byte, address func() [4]byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(packet) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.RCode = true, dnsmessage.RCodeSuccess
	m.Additionals = nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
			Body:   &dnsmessage.AResource{A: address()},
		}}
	}
	answer, _ := m.Pack()
	return answer
}
