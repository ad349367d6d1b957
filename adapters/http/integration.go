package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
	"ticketd/projections"
)

// tagIntegrations groups the connections with vendors.
const tagIntegrations = "integrations"

// Pending counts what waits to be delivered.
type Pending interface {
	// Pending answers how much waits for each of these integrations; none for one that it does not name.
	Pending(ctx context.Context, org domain.OrgID, ids []uuid.UUID) (map[uuid.UUID]int, error)
}

// Integrations is what the routes of connections with vendors work with.
type Integrations struct {
	Commands commands.Integrations
	Rows     *projections.Integrations
	Queue    Pending
}

func (s *Server) integrationRoutes(in Integrations) {
	r := integrationRoutes{s, in}
	register(s, op("connect-integration", nethttp.MethodPost, "/api/v1/integrations", "Connect an account with a vendor", tagIntegrations, status201, described(howItIsConnected), errs(409, 415)), r.connect)
	register(s, op("list-integrations", nethttp.MethodGet, "/api/v1/integrations", "List the integrations, oldest first", tagIntegrations), r.list)
	register(s, op("list-platforms", nethttp.MethodGet, "/api/v1/integrations/platforms", "What can be connected, and what it needs", tagIntegrations), r.platforms)
	register(s, op("get-integration", nethttp.MethodGet, "/api/v1/integrations/{integration_id}", "Get an integration", tagIntegrations, errs(404)), r.get)
	register(s, op("update-integration", nethttp.MethodPut, "/api/v1/integrations/{integration_id}", "Change the supplied fields", tagIntegrations, described(howItIsChanged), errs(404, 409, 412, 415)), r.change)
	register(s, op("disconnect-integration", nethttp.MethodDelete, "/api/v1/integrations/{integration_id}", "Disconnect, and destroy the credentials", tagIntegrations, status204, errs(404, 409, 412)), r.disconnect)
	register(s, op("set-integration-status", nethttp.MethodPatch, "/api/v1/integrations/{integration_id}/status", "Enable or disable", tagIntegrations, errs(404, 409, 412, 415)), r.setStatus)
	register(s, op("test-integration", nethttp.MethodPost, "/api/v1/integrations/{integration_id}/test", "Ask the vendor whether the connection can be used", tagIntegrations, within(checkTime), errs(404, 409)), r.test)
	register(s, op("authorize-integration", nethttp.MethodPost, "/api/v1/integrations/{integration_id}/authorize", "Begin a person's consent with the vendor", tagIntegrations, described(howConsentIsGiven), errs(404, 409)), r.authorize)
	register(s, op("integration-consented", nethttp.MethodGet, "/api/v1/integrations/oauth/callback", "Where a vendor sends a person back to", tagIntegrations, public, authBudget, within(checkTime), answersAs(consentPages)), r.consented)
}

const (
	howItIsConnected = "Credentials are kept sealed and never shown again. The integration is pending until a first check of it succeeds."
	howItIsChanged   = "settings, mapping and fallback_integration_ids replace what there is. Of the credentials only the supplied ones change, and one that is empty is removed; another base_url is told none that were given before, so all are needed anew."
)

// IntegrationID is the path parameter of every route of one integration.
type IntegrationID struct {
	ID uuid.UUID `path:"integration_id" format:"uuid"`
}

// Mapping says what the vendor calls what a ticket is.
type Mapping struct {
	Priority map[string]string `json:"priority,omitempty" doc:"By low, medium, high and critical."`
	Category map[string]string `json:"category,omitempty"`
	Status   map[string]string `json:"status,omitempty"`
}

// OwnMapping names the entries of a mapping that differ from, or add to, what is usual with the platform.
type OwnMapping struct {
	Priority []string `json:"priority"`
	Category []string `json:"category"`
	Status   []string `json:"status"`
}

// Health is what came of the last check.
type Health struct {
	CheckedAt *Timestamp `json:"checked_at" doc:"null: not checked yet"`
	OK        *bool      `json:"ok" doc:"null: not checked with the credentials that it has now"`
	Code      string     `json:"code,omitempty" example:"forbidden"`
	Error     string     `json:"error" doc:"In words; empty when all is well."`
}

// Integration is a connection with a vendor. It never holds a credential.
type Integration struct {
	ID             uuid.UUID         `json:"id" format:"uuid"`
	Platform       string            `json:"platform" enum:"salesforce,jira,zendesk,intercom,github,slack,teams"`
	Category       string            `json:"category"`
	Name           string            `json:"name"`
	Description    string            `json:"description"`
	BaseURL        string            `json:"base_url" doc:"Empty: the vendor's own."`
	AuthType       string            `json:"auth_type" enum:"api_key,bearer,oauth2,app"`
	Settings       map[string]string `json:"settings"`
	Mapping        Mapping           `json:"mapping" doc:"Complete: what is not the organization's own is the platform's."`
	MappingOwn     OwnMapping        `json:"mapping_own" doc:"Which entries of the mapping are the organization's own."`
	SyncEnabled    bool              `json:"sync_enabled"`
	Fallback       []uuid.UUID       `json:"fallback_integration_ids"`
	Status         string            `json:"status" enum:"pending,active,error,inactive,expired,suspended"`
	StatusReason   string            `json:"status_reason" doc:"Why it is inactive or suspended."`
	Health         Health            `json:"health"`
	Pending        int               `json:"pending" doc:"How much waits to be delivered."`
	LastSyncedAt   *Timestamp        `json:"last_synced_at"`
	CredentialsSet []string          `json:"credentials_set" doc:"Names of the credentials that there are."`
	WebhookURL     string            `json:"webhook_url" doc:"What the vendor shall be told to send its webhooks to."`
	Version        int               `json:"version"`
	CreatedAt      Timestamp         `json:"created_at"`
	UpdatedAt      Timestamp         `json:"updated_at"`
}

// IntegrationAnswer is one integration.
type IntegrationAnswer struct {
	ETag          string   `header:"ETag"`
	Location      string   `header:"Location"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Integration
}

// integrationRoutes are the handlers.
type integrationRoutes struct {
	*Server
	of Integrations
}

func (r integrationRoutes) connect(ctx context.Context, in *struct {
	Origin
	Body struct {
		Platform    string            `json:"platform" enum:"salesforce,jira,zendesk,intercom,github,slack,teams"`
		Name        string            `json:"name" minLength:"1" maxLength:"200"`
		Description string            `json:"description,omitempty" maxLength:"2000"`
		BaseURL     string            `json:"base_url,omitempty" maxLength:"500" example:"https://example.atlassian.net" doc:"In the place of every host of the vendor."`
		AuthType    string            `json:"auth_type" enum:"api_key,bearer,oauth2,app"`
		Credentials map[string]string `json:"credentials" doc:"GET /integrations/platforms tells which."`
		Settings    map[string]string `json:"settings,omitempty"`
		Mapping     Mapping           `json:"mapping,omitzero"`
		SyncEnabled *bool             `json:"sync_enabled,omitempty" doc:"Whether what happens after a ticket was created travels both ways; true when it is left out."`
		Fallback    []uuid.UUID       `json:"fallback_integration_ids,omitempty" doc:"Where a ticket goes instead when this one cannot take it, in this order."`
	}
},
) (*IntegrationAnswer, error) {
	b := in.Body
	stream, err := r.of.Commands.Connect(ctx, request(ctx), newID(ctx), integration.Connect{
		Platform: integration.Platform(b.Platform), AuthType: integration.AuthType(b.AuthType),
		Config: integration.Config{
			Name: b.Name, Description: b.Description, BaseURL: b.BaseURL, Settings: b.Settings, Mapping: integration.Mapping(b.Mapping),
			SyncEnabled: b.SyncEnabled == nil || *b.SyncEnabled, Fallback: b.Fallback,
		},
	}, b.Credentials)
	if err != nil {
		return nil, err
	}
	answer, err := r.answer(ctx, in.Origin, stream)
	if err == nil {
		answer.Location = "/api/v1/integrations/" + stream.ID.String()
	}
	return answer, err
}

func (r integrationRoutes) list(ctx context.Context, in *struct{ Origin }) (*struct{ Body []Integration }, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadIntegrations) {
		return nil, domain.ErrForbidden
	}
	rows, err := r.of.Rows.List(ctx, caller.Org)
	if err != nil {
		return nil, err
	}
	list, err := r.render(ctx, in.Origin, rows...)
	if err != nil {
		return nil, err
	}
	return &struct{ Body []Integration }{list}, nil
}

func (r integrationRoutes) get(ctx context.Context, in *struct {
	IntegrationID
	Origin
},
) (*IntegrationAnswer, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadIntegrations) {
		return nil, domain.ErrForbidden
	}
	row, err := r.of.Rows.Find(ctx, caller.Org, in.ID)
	if err != nil {
		return nil, err
	}
	return r.show(ctx, in.Origin, row)
}

func (r integrationRoutes) change(ctx context.Context, in *struct {
	IntegrationID
	IfMatch
	Origin
	Body struct {
		Platform    *string                     `json:"platform,omitempty" doc:"It cannot be changed, only repeated."`
		AuthType    *string                     `json:"auth_type,omitempty" doc:"It cannot be changed, only repeated."`
		Name        Optional[string]            `json:"name,omitzero" minLength:"1" maxLength:"200"`
		Description Optional[string]            `json:"description,omitzero" maxLength:"2000"`
		BaseURL     Optional[string]            `json:"base_url,omitzero" maxLength:"500"`
		Credentials map[string]string           `json:"credentials,omitempty"`
		Settings    Optional[map[string]string] `json:"settings,omitzero"`
		Mapping     Optional[Mapping]           `json:"mapping,omitzero"`
		SyncEnabled *bool                       `json:"sync_enabled,omitempty"`
		Fallback    Optional[[]uuid.UUID]       `json:"fallback_integration_ids,omitzero"`
	}
},
) (*IntegrationAnswer, error) {
	request, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	stream, err := r.of.Commands.Change(ctx, request, in.ID, integration.Change{
		Platform: (*integration.Platform)(b.Platform), AuthType: (*integration.AuthType)(b.AuthType), Name: b.Name.ptr(), Description: b.Description.ptr(),
		BaseURL: b.BaseURL.ptr(), Settings: b.Settings.ptr(), Mapping: (*integration.Mapping)(b.Mapping.ptr()), SyncEnabled: b.SyncEnabled, Fallback: b.Fallback.ptr(),
	}, b.Credentials)
	if err != nil {
		return nil, err
	}
	return r.answer(ctx, in.Origin, stream)
}

func (r integrationRoutes) disconnect(ctx context.Context, in *struct {
	IntegrationID
	IfMatch
},
) (*DeletedAnswer, error) {
	request, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := r.of.Commands.Disconnect(ctx, request, in.ID)
	if err != nil {
		return nil, err
	}
	return &DeletedAnswer{EventPosition: positionOf(stream)}, nil
}

func (r integrationRoutes) setStatus(ctx context.Context, in *struct {
	IntegrationID
	IfMatch
	Origin
	Body struct {
		Enabled bool   `json:"enabled"`
		Reason  string `json:"reason,omitempty" maxLength:"500"`
	}
},
) (*IntegrationAnswer, error) {
	request, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := r.of.Commands.SetStatus(ctx, request, in.ID, in.Body.Enabled, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return r.answer(ctx, in.Origin, stream)
}

// answer renders the row that a stream leads to. When it was last checked stands beside the log.
func (r integrationRoutes) answer(ctx context.Context, origin Origin, stream eventstore.Stream) (*IntegrationAnswer, error) {
	row := projections.Fold(projections.ApplyIntegration, stream.Events)
	known, err := r.of.Rows.Find(ctx, row.Org, row.ID.UUID)
	if err != nil {
		return nil, err
	}
	row.CheckedAt = known.CheckedAt
	answer, err := r.show(ctx, origin, row)
	if err == nil {
		answer.EventPosition = positionOf(stream)
	}
	return answer, err
}

func (r integrationRoutes) show(ctx context.Context, origin Origin, row projections.IntegrationRow) (*IntegrationAnswer, error) {
	shown, err := r.render(ctx, origin, row)
	if err != nil {
		return nil, err
	}
	return &IntegrationAnswer{ETag: etag(row.Version), Body: shown[0]}, nil
}

func (r integrationRoutes) render(ctx context.Context, origin Origin, rows ...projections.IntegrationRow) ([]Integration, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID.UUID
	}
	pending, err := r.of.Queue.Pending(ctx, callerOf(ctx).Org, ids)
	if err != nil {
		return nil, err
	}
	list := make([]Integration, len(rows))
	for i, row := range rows {
		list[i] = renderIntegration(row, origin.of(r.config))
		list[i].Pending = pending[row.ID.UUID]
	}
	return list, nil
}

func renderIntegration(row projections.IntegrationRow, base string) Integration {
	s := row.State
	health := Health{CheckedAt: optionalTime(row.CheckedAt), Code: s.Check.Code, Error: s.Check.Why}
	if !s.Unchecked {
		health.OK = &s.Check.OK
	}
	return Integration{
		ID: row.ID.UUID, Platform: string(s.Platform), Category: s.Platform.Category(), Name: s.Name, Description: s.Description, BaseURL: s.BaseURL,
		AuthType: string(s.AuthType), Settings: orNone(s.Settings), Mapping: Mapping(s.Platform.Over(s.Mapping)),
		MappingOwn:  OwnMapping{Priority: keys(s.Mapping.Priority), Category: keys(s.Mapping.Category), Status: keys(s.Mapping.Status)},
		SyncEnabled: s.SyncEnabled, Fallback: orEmpty(s.Fallback), Status: string(s.Status()), StatusReason: s.Reason, Health: health,
		LastSyncedAt: optionalTime(row.LastSyncedAt), CredentialsSet: orEmpty(s.Credentials), WebhookURL: base + commands.WebhookPath(row.ID.UUID),
		Version: row.Version, CreatedAt: Timestamp(row.CreatedAt), UpdatedAt: Timestamp(row.UpdatedAt),
	}
}
