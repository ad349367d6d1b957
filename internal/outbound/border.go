package outbound

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// border is which networks may be reached, beside the public ones.
type border []netip.Prefix

// forbiddenError is an address that may not be reached.
type forbiddenError struct{ reason string }

func (e *forbiddenError) Error() string { return e.reason }

// control is asked for every address that is dialled, after its name was resolved.
func (b border) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &forbiddenError{"The address " + address + " may not be reached."}
	}
	if !b.open(at.Addr()) {
		return &forbiddenError{fmt.Sprintf("The address %s is not public, and may not be reached.", at.Addr())}
	}
	return nil
}

// open reports whether an address may be reached. One inside of which another is written may be reached if both may.
func (b border) open(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if b.allows(a) {
		return true
	}
	if !isPublic(a) {
		return false
	}
	inner, ok := written(a)
	return !ok || b.allows(inner) || isPublic(inner)
}

func (b border) allows(a netip.Addr) bool {
	return slices.ContainsFunc(b, func(p netip.Prefix) bool { return p.Contains(a) })
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

var (
	// closed are the networks that are not everybody's, or nobody's, by IANA's registries of special addresses.
	closed = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"168.63.129.16/32", // what Azure tells its machines; the metadata of the others is in the networks above
		"2001::/23", "2001:db8::/32", "3fff::/20",
	)
	global = netip.MustParsePrefix("2000::/3") // all that is public of IPv6, but for nat64
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4 = netip.MustParsePrefix("2002::/16")
)

// isPublic reports whether an address is somebody's on the internet.
func isPublic(a netip.Addr) bool {
	if !a.IsValid() || a.Is6() && !global.Contains(a) && !nat64.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(closed, func(p netip.Prefix) bool { return p.Contains(a) })
}

// written answers the address of IPv4 that an address of IPv6 leads to.
func written(a netip.Addr) (netip.Addr, bool) {
	bytes := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(bytes[12:16])), true
	case sixTo4.Contains(a):
		return netip.AddrFrom4([4]byte(bytes[2:6])), true
	}
	return netip.Addr{}, false
}
