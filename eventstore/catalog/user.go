package catalog

import (
	"ticketd/domain/user"
	"ticketd/eventstore"
)

var userEvents = []eventstore.Entry{
	eventstore.Type[user.Registered]("user.registered"),
	eventstore.Type[user.Invited]("user.invited"),
	eventstore.Type[user.Joined]("user.joined"),
	eventstore.Type[user.ProfileChanged]("user.profile_changed"),
	eventstore.Type[user.PasswordChanged]("user.password_changed"),
	eventstore.Type[user.RoleChanged]("user.role_changed"),
	eventstore.Type[user.Deactivated]("user.deactivated"),
	eventstore.Type[user.Reactivated]("user.reactivated"),
	eventstore.Type[user.Removed]("user.removed"),
	eventstore.Type[user.ErasureRequested]("user.erasure_requested"),
	eventstore.Type[user.Erased]("user.erased", filesWereNotCounted, threadsWereNotCounted),
	eventstore.Type[user.TokenCreated]("user.token_created"),
	eventstore.Type[user.TokenRenamed]("user.token_renamed"),
	eventstore.Type[user.TokenRevoked]("user.token_revoked"),
}

// filesWereNotCounted leaves an erasure as it is: there were no uploads then.
func filesWereNotCounted(map[string]any) {}

// threadsWereNotCounted leaves an erasure as it is: there were no conversations and no runs of agents then.
func threadsWereNotCounted(map[string]any) {}
