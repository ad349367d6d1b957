package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// A token that may ask nothing more for a day is replaced by another one, which may.
func TestNewCredentialsDoNotWaitForTheLimitOfTheOld(t *testing.T) {
	t.Parallel()
	ada := boot(t, hasty).founder("Ada")
	w := ada.connects(begins(t, integration.Zendesk)).usable()
	w.Base().Next("", vendorfake.Fault{Status: 429, Header: map[string]string{"Retry-After": "80000"}, Body: `{"error":"too many"}`})
	healthy := func() bool { return ada.do(200, "POST", w.path+"/test", nil).object()["ok"] == true }
	require.False(t, healthy())
	require.False(t, healthy(), "nothing is sent")
	ada.guarded("PUT", w.path, w.path, object{"credentials": troubles[integration.Zendesk].fresh(w.Vendor)})
	eventually(t, healthy)
}
