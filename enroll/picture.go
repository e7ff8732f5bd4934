package enroll

import (
	"context"
	"errors"
	"fmt"

	json "github.com/go-json-experiment/json/v1"

	"mohr/ca/evidence"
	"mohr/enroll/chip"
	"mohr/internal/gateway"
)

// pictures is a register that compares a face with the picture on a chip too,
// beside its own; gateway.Client is one. Not every register is.
type pictures interface {
	ShowPicture(ctx context.Context, nationalCode, session, kind string, picture []byte) (gateway.Answer[gateway.Picture], error)
}

// compareFace has the register compare the face in the session with its
// picture, and with the one on the chip that the applicant had read before.
func (d *Desk) compareFace(ctx context.Context, a Application, nationalCode, session string) (gateway.Answer[gateway.Face], error) {
	if r, ok := d.Registry.(pictures); ok {
		p, err := d.chipPicture(ctx, a)
		if err != nil {
			return gateway.Answer[gateway.Face]{}, err
		}
		if p != nil {
			shown, err := r.ShowPicture(ctx, nationalCode, session, p.Type, p.Data)
			if err == nil && shown.Value.Result != gateway.Match {
				err = errors.New("the register does not take the picture on the chip")
			}
			if err != nil {
				return gateway.Answer[gateway.Face]{}, err
			}
		}
	}
	return d.Registry.Face(ctx, nationalCode, session)
}

// chipPicture returns the picture on the newest chip that counts, nil if none
// was read.
func (d *Desk) chipPicture(ctx context.Context, a Application) (*chip.Picture, error) {
	proof, ok := a.latest(evidence.EMRTDChip)
	if !ok || proof.Result != evidence.Match {
		return nil, nil
	}
	raw, err := d.rawOf(ctx, a.ID, proof.ID)
	if err != nil {
		return nil, fmt.Errorf("picture of %s: %w", a.ID, err)
	}
	if hexHash(raw) != proof.RawSHA256 {
		return nil, fmt.Errorf("picture of %s: it is not what was read", a.ID)
	}
	var r ChipReading
	if err := json.Unmarshal(raw, &r); err != nil || len(r.DG2) == 0 {
		return nil, err
	}
	p, err := chip.ReadPicture(r.DG2)
	return &p, err
}
