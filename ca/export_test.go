package ca

import "context"

// ErrSerialTaken is what TakeSerial returns where it comes too late.
var ErrSerialTaken = errSerialTaken

// TakeSerial records the intent of the order as Issue does, but under the
// serial: two that want the same one do not happen by chance.
func (a *Authority) TakeSerial(ctx context.Context, o Order, serial string) error {
	in, _, err := a.plan(ctx, o)
	if err != nil {
		return err
	}
	in.Certificate.Serial = serial
	_, _, err = a.writeAhead(ctx, o, in)
	return err
}
