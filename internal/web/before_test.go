package web_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/web"
)

// counted counts what is read of a body.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

func TestWhoMayNotIsRefusedBeforeTheBodyIsRead(t *testing.T) {
	r := newRoom(t, nil)
	type in struct{ Body []string }
	runs := 0
	web.Handle(r.Server, web.Operation{Method: "POST", Path: "/guarded", ID: "guarded", Tag: "room", MaxBody: 8 << 20,
		Before: func(ctx context.Context) error {
			_, err := web.Bearer(ctx)
			return err
		}},
		func(context.Context, *in) (*struct{}, error) { runs++; return nil, nil })
	for _, test := range []struct {
		name, body, auth string
		status, runs     int
		read             bool
	}{
		{"a stranger's body stays unread", `["a","b"]`, "", 401, 0, false},
		{"so does one that is no JSON", `[[[`, "", 401, 0, false},
		{"who may is heard", `["a","b"]`, "Bearer right", 200, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			runs = 0
			body := &counted{Reader: strings.NewReader(test.body)}
			req := httptest.NewRequest("POST", "/api/v1/guarded", body)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", test.auth)
			req.Header.Set("Idempotency-Key", "k")
			w := httptest.NewRecorder()
			r.Handler().ServeHTTP(w, req)
			if w.Code != test.status || runs != test.runs || (body.n > 0) != test.read {
				t.Errorf("status %d, %d runs, %d octets read: %s", w.Code, runs, body.n, w.Body)
			}
		})
	}
}

func TestARightThatIsGoneGetsNoKeptAnswer(t *testing.T) {
	r := newRoom(t, nil)
	may := true
	web.Handle(r.Server, web.Operation{Method: "POST", Path: "/guarded", ID: "guarded", Tag: "room",
		Before: func(context.Context) error {
			if may {
				return nil
			}
			return fault.New(fault.Denied, "room_denied", "this person may not come in; ask for leave")
		}},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	for _, status := range []int{200, 403} {
		may = status == 200
		if w := r.call("POST", "/api/v1/guarded", "", "Idempotency-Key: k"); w.Code != status {
			t.Errorf("%d %s, want %d", w.Code, w.Body, status)
		}
	}
}

func TestRefusalsOfStrangersLeaveNothingBehind(t *testing.T) {
	for _, test := range []struct {
		name, path, body string
		headers          []string
		status           int
	}{
		{"a refusal by the room", "/things", `{"person":{"national_code":"3333333333"}}`, nil, 403},
		{"a field that does not fit", "/things", `{"person":{"national_code":"1"}}`, nil, 422},
		{"a state that may change", "/things", `{"person":{"national_code":"1111111111"}}`, nil, 409},
		{"a token that opens nothing", "/things/1/csr", "x", []string{"Authorization: Bearer wrong", "Content-Type: application/pkcs10"}, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, shared := range []bool{false, true} {
				var st store.Store
				r := newRoom(t, func(c *web.Config) { st, c.Shared = c.Store, shared })
				for range 2 {
					w := r.call("POST", "/api/v1"+test.path, test.body, append(test.headers, "Idempotency-Key: k")...)
					if w.Code != test.status || w.Header().Get("Idempotency-Replayed") != "" {
						t.Errorf("shared %v: %d %s, headers %v", shared, w.Code, w.Body, w.Header())
					}
				}
				err := st.View(t.Context(), func(tx store.Tx) error {
					for _, bucket := range []string{"web_answers", "web_answers_expiry"} {
						err := tx.Scan(bucket, "", "", func(key string, _ []byte) error {
							t.Errorf("shared %v: %s keeps %s", shared, bucket, key)
							return nil
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestARefusalIsKeptForWhoShowsATokenWhereOneIsTaken(t *testing.T) {
	for _, test := range []struct {
		name   string
		takes  bool
		header string
		runs   int
	}{
		{"a token where one is taken", true, "Authorization: Bearer right", 1},
		{"a token where none is taken", false, "Authorization: Bearer any", 2},
		{"no token where one is taken", true, "Authorization: ", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRoom(t, nil)
			runs := 0
			web.Handle(r.Server, web.Operation{Method: "POST", Path: "/counting", ID: "counting", Tag: "room", Bearer: test.takes},
				func(context.Context, *struct{}) (*struct{}, error) {
					runs++
					return nil, fault.New(fault.Denied, "room_denied", "this person may not come in; ask for leave")
				})
			for range 2 {
				if w := r.call("POST", "/api/v1/counting", "", "Idempotency-Key: k", test.header); w.Code != 403 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
			if runs != test.runs {
				t.Errorf("ran %d times, want %d", runs, test.runs)
			}
		})
	}
}
