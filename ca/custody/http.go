package custody

import (
	"context"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/hsm"
	"mohr/internal/web"
)

// Desk lets operators see and change the register over the API: whoever may
// read the register of certificates sees it, custodians change it.
type Desk struct {
	*Register
	Authority *ca.Authority
	// Renewed gives a rotated key its certificate at once; nil leaves that to
	// the job that renews certificates.
	Renewed func(context.Context) error
}

// Line is a key as operators see it.
type Line struct {
	Key
	State      string    `json:"state" doc:"serving, replaced, retired, or making: a call that was cut short, to be repeated"`
	Signatures uint64    `json:"signatures" doc:"made since the key is counted"`
	LastUse    time.Time `json:"last_use,omitzero"`
}

type keysOutput struct {
	Body struct {
		Keys []Line `json:"keys"`
	}
}

type keyInput struct {
	Purpose string `path:"purpose" maxLength:"48"`
	Body    struct {
		Algorithm hsm.Algorithm `json:"algorithm,omitempty" doc:"P-256, P-384 or RSA-3072; left out: P-256, or that of the key before"`
	}
}

type retireInput struct {
	Purpose string `path:"purpose" maxLength:"48"`
	Body    struct {
		Generation int `json:"generation" minimum:"1"`
	}
}

type testInput struct {
	Body struct {
		Purpose string `json:"purpose,omitempty" maxLength:"48" doc:"left out: every key"`
	}
}

type keyOutput struct{ Body Key }

type testOutput struct {
	Body struct {
		Trials []Trial `json:"trials"`
	}
}

// Routes hangs the register on s.
func (d *Desk) Routes(s *web.Server) {
	web.Handle(s, web.Operation{Method: http.MethodGet, Path: "/keys", ID: "list-keys", Summary: "List the service's keys (operators)", Tag: "ca"}, d.handleList)
	web.Handle(s, web.Operation{Method: http.MethodPost, Path: "/keys/test", ID: "test-keys", Summary: "Sign and verify with the service's keys (custodians)", Tag: "ca"}, d.handleTest)
	web.Handle(s, web.Operation{Method: http.MethodPost, Path: "/keys/{purpose}/create", ID: "create-key", Summary: "Make the first key of a purpose (custodians)", Tag: "ca"}, d.handleCreate)
	web.Handle(s, web.Operation{Method: http.MethodPost, Path: "/keys/{purpose}/rotate", ID: "rotate-key", Summary: "Give a purpose a new key (custodians)", Tag: "ca"}, d.handleRotate)
	web.Handle(s, web.Operation{Method: http.MethodPost, Path: "/keys/{purpose}/retire", ID: "retire-key", Summary: "Retire a key that was replaced (custodians)", Tag: "ca"}, d.handleRetire)
}

func (d *Desk) handleList(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	if _, err := d.Authority.May(ctx, web.PeerCertificate(ctx), ca.MayRead); err != nil {
		return nil, err
	}
	lines, err := d.List(ctx)
	out := &keysOutput{}
	out.Body.Keys = lines
	return out, err
}

func (d *Desk) handleTest(ctx context.Context, in *testInput) (*testOutput, error) {
	if err := d.custodian(ctx); err != nil {
		return nil, err
	}
	trials, err := d.Test(ctx, in.Body.Purpose)
	out := &testOutput{}
	out.Body.Trials = trials
	return out, err
}

func (d *Desk) handleCreate(ctx context.Context, in *keyInput) (*keyOutput, error) {
	if err := d.custodian(ctx); err != nil {
		return nil, err
	}
	if why := d.Fixed(in.Purpose); why != "" {
		return nil, errFixed(in.Purpose, why)
	}
	k, err := d.Create(ctx, in.Purpose, in.Body.Algorithm)
	return &keyOutput{k}, err
}

func (d *Desk) handleRotate(ctx context.Context, in *keyInput) (*keyOutput, error) {
	if err := d.custodian(ctx); err != nil {
		return nil, err
	}
	k, err := d.Rotate(ctx, in.Purpose, in.Body.Algorithm)
	if err != nil {
		return nil, err
	}
	if d.Renewed != nil {
		// The key serves from now on whatever comes of this: the job repeats it.
		if err := d.Renewed(ctx); err != nil {
			d.Log.ErrorContext(ctx, "rotated key has no certificate yet", "purpose", in.Purpose, "error", err)
		}
	}
	return &keyOutput{k}, nil
}

func (d *Desk) handleRetire(ctx context.Context, in *retireInput) (*keyOutput, error) {
	if err := d.custodian(ctx); err != nil {
		return nil, err
	}
	k, err := d.Retire(ctx, in.Purpose, in.Body.Generation)
	return &keyOutput{k}, err
}

func (d *Desk) custodian(ctx context.Context) error {
	_, err := d.Authority.Operator(ctx, web.PeerCertificate(ctx), ca.RoleCustodian)
	return err
}
