package main

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/projections"
)

const supportConfig = "/api/v1/ai-config/customer_support_agent"

// An administrator changes the prompt, looks at what differs and goes back, and nothing is deployed. What everybody reads
// is what was committed, at every instance, and after a restart.
func TestAnAdministratorConfiguresAnAgent(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	one, two := launch(t, c), launch(t, c)
	ada := one.founder("ada")
	defaults := ada.get(supportConfig)
	require.Equal(t, `"1"`, defaults.etag())
	require.Equal(t, agentconfig.Defaults(domain.CustomerSupport).SystemPrompt, defaults.text("system_prompt"))
	require.Nil(t, defaults.object()["updated_at"])

	changed := ada.with("If-Match", defaults.etag()).do(200, "PUT", supportConfig, object{"system_prompt": defaults.text("system_prompt") + "Sign as Acme.\n", "temperature": 0.5})
	require.Equal(t, object{"agent_type": "customer_support_agent", "status": "updated", "version": 2.0, "changes": object{
		"system_prompt": defaults.text("system_prompt") + "Sign as Acme.\n", "temperature": 0.5,
	}}, changed.object())
	require.NotEmpty(t, changed.header.Get("X-Event-Position"))
	for _, at := range []*instance{one, two} {
		shown := ada.at(at).get(supportConfig)
		require.Equal(t, changed.etag(), shown.etag(), "at once, wherever one asks")
		require.Equal(t, "0.5", shown.text("temperature"))
		author, _ := shown.object()["updated_by"].(object)
		require.Equal(t, ada.name, author["username"])
	}
	for _, at := range []*instance{one, two} {
		version, config, err := at.settings().Find(t.Context(), organizationOf(t, ada), domain.CustomerSupport)
		require.NoError(t, err)
		require.Equal(t, 2, version, "the next run goes by it, too")
		require.Equal(t, 0.5, config.Temperature)
	}
	ada.with("If-Match", defaults.etag()).do(412, "PUT", supportConfig, object{"temperature": 1})
	require.Contains(t, ada.do(400, "PUT", supportConfig, object{"temperature": 2.5}).detail(), "validation")
	require.Equal(t, "Configuration for sales_agent not found", ada.do(404, "GET", "/api/v1/ai-config/sales_agent", nil).detail())

	diff := ada.at(two).get(supportConfig + "/diff?from=1&to=2")
	require.Contains(t, diff.text("system_prompt_diff"), "\n+Sign as Acme.\n")
	require.NotContains(t, diff.text("system_prompt_diff"), "You are the support agent", "only what differs, and the lines around it")
	back := ada.at(two).with("Idempotency-Key", "back").do(200, "POST", supportConfig+"/rollback", object{"version": 1})
	require.Equal(t, "3", back.text("version"))
	again := ada.at(one).with("Idempotency-Key", "back").do(200, "POST", supportConfig+"/rollback", object{"version": 1})
	require.Equal(t, string(back.raw), string(again.raw))

	history := ada.get(supportConfig + "/history").list()
	require.Len(t, history, 3)
	require.Equal(t, []any{"defaults", "changed", "rolled_back"}, []any{history[0]["kind"], history[1]["kind"], history[2]["kind"]})
	require.Equal(t, "0.5", ada.get(supportConfig+"/versions/2").text("temperature"))
	require.Equal(t, defaults.text("system_prompt"), ada.at(two).get(supportConfig).text("system_prompt"))

	one.halt()
	three := launch(t, c)
	require.Equal(t, "3", ada.at(three).get(supportConfig).text("version"))
	require.Len(t, ada.at(three).get(supportConfig+"/history").list(), 3)
}

// Of administrators who change the same version at once one is heard, and the others know it.
func TestAdministratorsDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	statuses := make([]int, 8)
	var work sync.WaitGroup
	for n := range statuses {
		work.Go(func() {
			statuses[n] = ada.with("If-Match", `"1"`).status("PUT", supportConfig, object{"max_tokens": 100 + n})
		})
	}
	work.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	require.Equal(t, map[int]int{200: 1, 412: 7}, count)
	require.Equal(t, "2", ada.get(supportConfig).text("version"))
	for n := range 3 { // without If-Match each is decided on what the one before left
		work.Go(func() { ada.do(200, "PATCH", supportConfig, object{"timeout": 100 + n}) })
	}
	work.Wait()
	require.Equal(t, "5", ada.get(supportConfig).text("version"))
}

// The name of an agent is nobody's id: everybody finds a configuration there, and only that of their own organization.
func TestAConfigurationIsOnesOwnOrganizations(t *testing.T) {
	t.Parallel()
	i := boot(t)
	victim, spy := i.founder("victim"), i.founder("spy")
	victim.do(200, "PUT", supportConfig, object{"system_prompt": "where the jewels lie"})
	for _, more := range []string{"", "/history", "/versions/1", "/diff"} {
		a := spy.get(supportConfig + more)
		require.NotContains(t, string(a.raw), "jewels", more)
		require.NotContains(t, string(a.raw), victim.name, more)
	}
	spy.do(404, "GET", supportConfig+"/versions/2", nil)
	spy.do(404, "GET", supportConfig+"/diff?from=1&to=2", nil)
	spy.do(404, "POST", supportConfig+"/rollback", object{"version": 2})
	spy.do(200, "PUT", supportConfig, object{"timeout": 9})
	spy.do(200, "POST", supportConfig+"/rollback", object{"version": 1})
	require.Equal(t, "2", victim.get(supportConfig).text("version"), "nothing happened to it")
}

func (i *instance) settings() agentSettings {
	return agentSettings{rows: projections.NewAgentConfigs(i.pool), log: i.store}
}

func organizationOf(t *testing.T, c *client) domain.OrgID {
	t.Helper()
	return domain.OrgID{UUID: uuidOf(t, c.org)}
}

// A run that has begun with a version goes on with it, whatever was decided since.
func TestARunFindsTheVersionItBeganWith(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	org := organizationOf(t, ada)
	first, err := i.settings().Version(t.Context(), org, domain.CustomerSupport, 1)
	require.NoError(t, err)
	require.True(t, first.Equal(agentconfig.Defaults(domain.CustomerSupport)))
	ada.do(200, "PUT", supportConfig, object{"timeout": 9})
	ada.do(200, "PUT", supportConfig, object{"timeout": 10, "tools_enabled": []string{}})
	second, err := i.settings().Version(t.Context(), org, domain.CustomerSupport, 2)
	require.NoError(t, err)
	require.Equal(t, 9, second.Timeout)
	require.Len(t, second.Tools, 6)
	_, err = i.settings().Version(t.Context(), org, domain.CustomerSupport, 4)
	require.ErrorIs(t, err, agentconfig.ErrNoVersion)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = i.settings().Version(gone, org, domain.CustomerSupport, 1)
	require.ErrorIs(t, err, context.Canceled)
}
