package badge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// Sight is what was seen of a domain's proof from one place.
type Sight string

// The sights.
const (
	SightMatch       Sight = "match"
	SightMissing     Sight = "missing"     // no file: 4xx
	SightWrong       Sight = "wrong"       // a file with other content
	SightRedirected  Sight = "redirected"  // to another host
	SightPrivate     Sight = "private"     // an address we do not go to
	SightFailing     Sight = "failing"     // the shop's server answers with an error
	SightUnreachable Sight = "unreachable" // no name, no connection, too slow
	SightBlind       Sight = "blind"       // our resolver did not answer: nothing is known of the shop
)

// why is the reason of a finding that rests on the sight.
func (s Sight) why() Why {
	switch s {
	case SightMatch:
		return "domain_proven"
	case SightMissing:
		return "domain_file_missing"
	case SightWrong:
		return "domain_file_wrong"
	case SightRedirected:
		return "domain_redirected"
	case SightPrivate:
		return "domain_private_address"
	case SightFailing:
		return "domain_failing"
	}
	return "domain_unreachable"
}

// Method is a way to prove control of a domain, or what else was looked for.
type Method string

// The methods. What was looked for before there were several has none.
const (
	ByFile Method = "file" // under /.well-known/, by HTTP
	ByTXT  Method = "txt"  // a TXT record below the domain
	ByMeta Method = "meta" // a meta element of the front page

	byName Method = "name" // no proof: whether the name leads anywhere
)

// methods are the ways to prove control, in the order in which they count.
func methods() []Method { return []Method{ByFile, ByTXT, ByMeta} }

// proven is why a proof by the method counts.
func (m Method) proven() Why {
	switch m {
	case ByTXT:
		return "domain_proven_txt"
	case ByMeta:
		return "domain_proven_meta"
	}
	return "domain_proven"
}

// View is one look at the proof, through one resolver.
type View struct {
	Resolver int    `json:"resolver"` // counted from 1, in the order configured
	Method   Method `json:"method,omitempty"`
	Sight    Sight  `json:"sight"`
}

const (
	maxProof = 4 << 10          // octets read of the file
	lookFor  = 10 * time.Second // a whole look, redirects and all
)

// eye sees the world through one resolver. The client is that of a
// gateway.Dialer: it connects only to addresses it has checked and follows no
// redirect to another host. Who controls another host proves nothing here.
type eye struct {
	resolver string
	client   *http.Client
	dialer   *gateway.Dialer
}

// look asks for the name through every eye, and for the proof unless it was
// seen before, all at once.
func look(ctx context.Context, eyes []eye, d Domain, c Challenge, proof bool) []View {
	looks := map[Method]func(context.Context, eye) Sight{
		byName: func(ctx context.Context, e eye) Sight { return e.name(ctx, d) },
	}
	if proof {
		looks[ByFile] = func(ctx context.Context, e eye) Sight { return lookThrough(ctx, e.client, c) }
		if c.TXT != "" { // challenges of before there were several methods lack it
			looks[ByTXT] = func(ctx context.Context, e eye) Sight { return e.txt(ctx, d, c) }
			looks[ByMeta] = func(ctx context.Context, e eye) Sight { return e.meta(ctx, c) }
		}
	}
	order := append(methods(), byName)
	views := make([]View, 0, len(eyes)*len(order))
	for _, m := range order {
		for i := range eyes {
			if looks[m] != nil {
				views = append(views, View{Resolver: i + 1, Method: m})
			}
		}
	}
	var all sync.WaitGroup
	for i := range views {
		v := &views[i]
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, lookFor)
			defer cancel()
			v.Sight = looks[v.Method](ctx, eyes[v.Resolver-1])
		})
	}
	all.Wait()
	return views
}

// name looks whether the domain has public addresses.
func (e eye) name(ctx context.Context, d Domain) Sight {
	_, err := e.dialer.Lookup(ctx, e.resolver, d.ASCII)
	switch {
	case err == nil:
		return SightMatch
	case errors.Is(err, fault.NotFound):
		return SightMissing
	}
	return sightOf(err)
}

// txt looks for the proof among the TXT records.
func (e eye) txt(ctx context.Context, d Domain, c Challenge) Sight {
	list, err := e.dialer.TXT(ctx, e.resolver, challengeLabel, d.ASCII)
	switch {
	case errors.Is(err, fault.NotFound):
		return SightMissing
	case err != nil:
		return sightOf(err)
	case slices.Contains(list, c.Content):
		return SightMatch
	}
	return SightWrong
}

// fetch asks for a page of the shop. err is that of the connection; without
// one the body is the caller's to close.
func fetch(ctx context.Context, client *http.Client, url string) (*http.Response, Sight, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, SightUnreachable, err
	}
	req.Header.Set("User-Agent", "mohr-badge/1")
	res, err := client.Do(req)
	switch {
	case err != nil:
		return res, sightOf(err), err // of a redirect refused there is an answer, its body closed
	case res.StatusCode == http.StatusOK:
		return res, SightMatch, nil
	case res.StatusCode >= 500:
		return res, SightFailing, nil
	}
	return res, SightMissing, nil
}

// lookThrough looks for the proof in the file.
func lookThrough(ctx context.Context, client *http.Client, c Challenge) Sight {
	res, sight, err := fetch(ctx, client, c.URL)
	if err != nil {
		return sight
	}
	defer res.Body.Close()
	if sight != SightMatch {
		return sight
	}
	// One octet more than allowed: a longer file is another one.
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProof+1))
	if err != nil {
		return SightUnreachable
	}
	if len(body) > maxProof || strings.TrimRight(string(body), "\r\n") != c.Content {
		return SightWrong
	}
	return SightMatch
}

// sightOf tells the refusals of the gateway from what the network does.
func sightOf(err error) Sight {
	switch fault.Code(err) {
	case "host_refused":
		return SightPrivate
	case "redirect_refused":
		return SightRedirected
	case "answer_too_large":
		return SightWrong
	case "resolver_unavailable":
		return SightBlind
	}
	return SightUnreachable
}
