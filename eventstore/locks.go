package eventstore

// The advisory locks of the program. PostgreSQL keeps one list of their numbers for a whole database, so whoever takes
// one without looking here may wait for somebody it has nothing to do with.
const (
	// AppendLock is held by every append until it is committed: whoever holds it sees a log that stands still, and must
	// not hold it for long. Migration 0001 writes its number out, so the order is a property of the table, whoever writes.
	AppendLock = 7_305_001 + iota
	// SignLock is held by whoever extends the signed tree; nobody who writes waits for it.
	SignLock
	// ErasureLock is held by the one instance that finishes erasures.
	ErasureLock
	// RebuildLock is held by the one instance that makes tables of the read side anew.
	RebuildLock
	// SweepLock is held by the one instance that removes what no upload names any more, and by a backup, for which it must
	// not go meanwhile.
	SweepLock
	// WebhookLock is held for a moment by whoever shares out which process sends for which webhook.
	WebhookLock
)
