package badge

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"mohr/internal/fault"
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

// View is one look at the proof, through one resolver.
type View struct {
	Resolver int   `json:"resolver"` // counted from 1, in the order configured
	Sight    Sight `json:"sight"`
}

const (
	maxProof = 4 << 10          // octets read of the file
	lookFor  = 10 * time.Second // a whole look, redirects and all
)

// look asks for the proof through every client at once. The clients are those
// of a gateway.Dialer: each sees the world through a resolver of its own,
// connects only to addresses it has checked and follows no redirect to
// another host. Who controls another host proves nothing here.
func look(ctx context.Context, clients []*http.Client, c Challenge) []View {
	views := make([]View, len(clients))
	var all sync.WaitGroup
	for i, client := range clients {
		all.Go(func() { views[i] = View{Resolver: i + 1, Sight: lookThrough(ctx, client, c)} })
	}
	all.Wait()
	return views
}

func lookThrough(ctx context.Context, client *http.Client, c Challenge) Sight {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return SightUnreachable
	}
	req.Header.Set("User-Agent", "mohr-badge/1")
	res, err := client.Do(req)
	if err != nil {
		return sightOf(err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode >= 500:
		return SightFailing
	case res.StatusCode != http.StatusOK:
		return SightMissing
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
