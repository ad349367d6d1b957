package auth

// TakeAllSlots occupies every processor until the answer is called.
func TakeAllSlots(p *Passwords) (release func()) {
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	return func() {
		for range cap(p.slots) {
			<-p.slots
		}
	}
}

// RevokedSessions counts the sessions that are remembered.
func RevokedSessions(a *Authenticator) int {
	a.revoked.mu.RLock()
	defer a.revoked.mu.RUnlock()
	return len(a.revoked.until)
}
