package acme

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	protocol "github.com/smallstep/certificates/acme"
	casapi "github.com/smallstep/certificates/cas/apiv1"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

const (
	orderLife = 24 * time.Hour
	// keepOrder is how long an order is kept after its end. Its certificate
	// stays, and can be fetched and revoked, without it.
	keepOrder = 24 * time.Hour
	// maxNames bounds the names of one order.
	maxNames = 10
	// maxName is the longest domain that fits a common name (RFC 5280
	// appendix A.1, ub-common-name).
	maxName = 64
	// maxOrders bounds the list of an account's orders.
	maxOrders = 100
)

// CreateAuthorization takes a name of the order that is made. Nothing is
// written: an authorization is a name of its order, and valid from the start.
func (d database) CreateAuthorization(ctx context.Context, az *protocol.Authorization) error {
	v := visitOf(ctx)
	if v.profile != Profile {
		return authorizeApplication(v, az)
	}
	name := strings.ToLower(az.Identifier.Value)
	switch {
	case az.Identifier.Type != protocol.DNS:
		return errIdentifier()
	case az.Wildcard || len(name) > maxName:
		return errUnproven()
	case slices.Contains(v.names, name) || len(v.names) == maxNames:
		return fault.New(fault.Invalid, "acme_names", "an order has at most %[1]d names, each one once; order fewer", maxNames)
	}
	v.order = orderID(az.AccountID, v.nonce)
	az.ID = authorizationID(v.order, len(v.names))
	v.names = append(v.names, name)
	return nil
}

func authorizationID(order string, n int) string { return order + "." + strconv.Itoa(n) }

// CreateChallenge is asked for a device's identifier only: a domain has no
// challenge (see newAuthority).
func (database) CreateChallenge(ctx context.Context, ch *protocol.Challenge) error {
	if visitOf(ctx).profile == Profile {
		return errIdentifier()
	}
	ch.ID = challengeID
	return nil
}

func errIdentifier() error {
	return fault.New(fault.Invalid, "acme_identifier", "only domains are certified here; order identifiers of the type dns")
}

func errUnproven() error {
	return fault.New(fault.Denied, "acme_domain_unproven", "a name of this order is not the domain of a badge of your business that counts now; order exactly that domain, without a wildcard")
}

// CreateOrder records an order if the account's business may have it now.
func (d database) CreateOrder(ctx context.Context, o *protocol.Order) error {
	v, now := visitOf(ctx), d.desk.now()
	if err := refuseDates(v.payload); err != nil {
		return err
	}
	made := order{ID: v.order, Account: o.AccountID, Names: v.names, CreatedAt: now, ExpiresAt: now.Add(orderLife), Token: v.token}
	wish, err := d.desk.replaces(ctx, v.payload, o.AccountID, v.names)
	if err != nil {
		return err
	}
	made.Replaces = wish
	err = d.desk.Store.Update(ctx, func(tx store.Tx) error {
		had, err := loadOrder(tx, v.order)
		if err == nil { // the request came to another node before
			made = had
			return nil
		}
		if !errors.Is(err, fault.NotFound) {
			return err
		}
		a, err := loadAccount(tx, o.AccountID)
		if err != nil {
			return err
		}
		made.Business, made.Application = a.Business, a.Application
		if err := d.desk.mayHave(tx, made, now); err != nil {
			return err
		}
		if err := d.desk.count(tx, a, now); err != nil {
			return err
		}
		if err := d.desk.claim(tx, made, now); err != nil {
			return err
		}
		if err := store.Save(tx, dueBucket, made.dueKey(), made.ID); err != nil {
			return err
		}
		return store.Save(tx, orderBucket, made.ID, made)
	})
	if err != nil {
		return err
	}
	made.show(o)
	v.replaces = made.Replaces
	o.Status = made.open()
	return nil
}

// mayHave refuses an order that its account may not have at now.
func (d *Desk) mayHave(tx store.Tx, o order, now time.Time) error {
	a, err := loadAccount(tx, o.Account)
	if err != nil {
		return err
	}
	if a.status() != protocol.StatusValid {
		return errInactive()
	}
	if now.After(o.ExpiresAt) {
		return fault.New(fault.Conflict, "acme_order_expired", "this order has expired; make a new one")
	}
	if o.Application != "" {
		return o.mayHave(a)
	}
	for _, name := range o.Names {
		switch ok, err := d.Proven(tx, o.Business, name, now); {
		case err != nil:
			return err
		case !ok:
			return errUnproven()
		}
	}
	return nil
}

// count refuses an order above the hour's number for the business, or for the
// application.
func (d *Desk) count(tx store.Tx, a account, now time.Time) error {
	who := string(a.Business) + a.Application
	r, err := store.Load[rate](tx, rateBucket, who)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if hour := now.Unix() / 3600; r.Hour != hour {
		r = rate{Hour: hour}
	}
	if r.Orders++; r.Orders > d.OrdersPerHour {
		return fault.New(fault.Limited, "acme_orders_limit", "a business may make %[1]d orders in an hour; try again in the next one, and keep the certificates you have", d.OrdersPerHour)
	}
	return store.Save(tx, rateBucket, who, r)
}

// show writes the order into smallstep's.
func (o order) show(to *protocol.Order) {
	to.ID, to.AccountID, to.ExpiresAt = o.ID, o.Account, o.ExpiresAt
	to.Identifiers, to.AuthorizationIDs = nil, nil
	for n, name := range o.Names {
		to.Identifiers = append(to.Identifiers, o.identifier(name))
		to.AuthorizationIDs = append(to.AuthorizationIDs, authorizationID(o.ID, n))
	}
}

// GetOrder returns an order in the state that follows from its end and from
// its certificate.
func (d database) GetOrder(ctx context.Context, id string) (*protocol.Order, error) {
	o, err := view(ctx, d.desk.Store, func(tx store.Tx) (order, error) { return loadOrder(tx, id) })
	if err != nil {
		return nil, err
	}
	v := visitOf(ctx)
	v.order, v.replaces = id, o.Replaces
	out := &protocol.Order{ProvisionerID: d.desk.parts.provisioners[v.profile].GetID(), Status: o.open()}
	o.show(out)
	c, err := d.desk.CA.ByRequest(ctx, o.request())
	switch {
	case err == nil && c.State == ca.Issued:
		out.Status, out.CertificateID = protocol.StatusValid, id
		return out, refuseOtherKey(v.payload, c)
	case err == nil && c.State == ca.Void:
		out.Status = protocol.StatusInvalid
	case err == nil: // being signed, or waiting for the key to come back: finalizing goes on with it
	case !errors.Is(err, fault.NotFound):
		return nil, err
	case d.desk.now().After(o.ExpiresAt):
		out.Status = protocol.StatusInvalid
	}
	return out, nil
}

// UpdateOrder has nothing to record: a state is never stored.
func (database) UpdateOrder(context.Context, *protocol.Order) error { return nil }

func (d database) GetOrdersByAccountID(ctx context.Context, id string) ([]string, error) {
	now := d.desk.now()
	return view(ctx, d.desk.Store, func(tx store.Tx) ([]string, error) {
		list := []string{}
		err := store.Each(tx, orderBucket, id+".", "", func(key string, o order) error {
			if !now.After(o.ExpiresAt) {
				list = append(list, key)
			}
			if len(list) == maxOrders {
				return store.Stop
			}
			return nil
		})
		return list, err
	})
}

func (d database) GetAuthorization(ctx context.Context, id string) (*protocol.Authorization, error) {
	unknown := fault.New(fault.NotFound, "acme_authorization_unknown", "there is no such authorization, or no longer; make a new order")
	dot := strings.LastIndexByte(id, '.')
	if dot < 0 {
		return nil, unknown
	}
	o, err := view(ctx, d.desk.Store, func(tx store.Tx) (order, error) { return loadOrder(tx, id[:dot]) })
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(id[dot+1:])
	if err != nil || n < 0 || n >= len(o.Names) || authorizationID(o.ID, n) != id {
		return nil, unknown
	}
	az := &protocol.Authorization{
		ID: id, AccountID: o.Account, Identifier: o.identifier(o.Names[n]),
		Status: protocol.StatusValid, Challenges: []*protocol.Challenge{}, ExpiresAt: o.ExpiresAt,
	}
	o.challenge(az)
	return az, nil
}

// approved finds the order that a request of smallstep's authority is for. All
// that must hold is asked again, now and in the transaction of the intent.
func (d *Desk) approved(ctx context.Context, req *casapi.CreateCertificateRequest) (ca.Order, error) {
	now := d.now()
	o, err := view(ctx, d.Store, func(tx store.Tx) (order, error) {
		o, err := loadOrder(tx, orderOf(req.Template))
		if err != nil {
			return o, err
		}
		return o, d.mayHave(tx, o, now)
	})
	if err != nil {
		return ca.Order{}, err
	}
	if asksForAuthority(req.CSR) {
		return ca.Order{}, fault.New(fault.Invalid, "acme_csr_authority", "the certification request asks for the certificate of an authority; make one for a server")
	}
	names := slices.Sorted(slices.Values(o.Names))
	return ca.Order{
		Request: requestOf(o.ID),
		Service: ca.Service{Profile: Profile, CommonName: names[0], DNSNames: names, Business: o.Business},
		Guard:   func(tx store.Tx) error { return d.mayHave(tx, o, now) },
	}, nil
}
