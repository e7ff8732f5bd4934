package enroll

import (
	"context"
	"net/http"
	"time"

	"mohr/enroll/chip"
	"mohr/internal/web"
)

// maxChip bounds a request with what was read from a chip, octets: the files
// at their largest in base64.
const maxChip = 512 << 10

type chipIn struct {
	ByID
	Body struct {
		SOD  []byte `json:"sod" doc:"EF.SOD, base64 like all files"`
		DG1  []byte `json:"dg1" doc:"machine-readable zone"`
		DG2  []byte `json:"dg2,omitempty" doc:"face: the register compares with it too"`
		DG11 []byte `json:"dg11,omitempty" doc:"names in the holder's letters, personal number"`
		DG14 []byte `json:"dg14,omitempty" doc:"how the chip's key signs"`
		DG15 []byte `json:"dg15,omitempty" doc:"the chip's key"`

		ActiveAuthentication *ActiveAuthentication `json:"active_authentication,omitempty"`

		ReadAt time.Time `json:"read_at" doc:"when the chip was read: just now"`
	}
}

// ActiveAuthentication is a chip's answer to a challenge. It is exported
// because the API library reads only exported types.
type ActiveAuthentication struct {
	Challenge string `json:"challenge" maxLength:"64" doc:"from .../evidence/emrtd_chip/challenge"`
	Response  []byte `json:"response" doc:"what the chip made of rnd"`
}

type chipChallengeOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         ChipChallenge
}

// routesChip hangs the reading of chips.
func (d *Desk) routesChip(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	web.Handle(s, op(http.MethodGet, "/applications/{id}/evidence/emrtd_chip/challenge", "chip-challenge", "What the chip of a passport or card has to sign"), d.apiChipChallenge)
	read := op(http.MethodPost, "/applications/{id}/evidence/emrtd_chip", "read-chip", "Hand in what was read from the chip of a passport or card (ICAO 9303)")
	read.MaxBody = maxChip
	web.Handle(s, read, func(ctx context.Context, in *chipIn) (*stateOut, error) {
		b := in.Body
		r := ChipReading{Files: chip.Files{SOD: b.SOD, DG1: b.DG1, DG2: b.DG2, DG11: b.DG11, DG14: b.DG14, DG15: b.DG15}, ReadAt: b.ReadAt.UTC()}
		if b.ActiveAuthentication != nil {
			r.Challenge, r.Response = b.ActiveAuthentication.Challenge, b.ActiveAuthentication.Response
		}
		return d.answer(ctx, func(token string) (Application, error) { return d.ReadChip(ctx, in.ID, token, r) })
	})
}

func (d *Desk) apiChipChallenge(ctx context.Context, in *ByID) (*chipChallengeOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.ChipChallenge(ctx, in.ID, token)
	return &chipChallengeOut{"no-store", c}, err
}
