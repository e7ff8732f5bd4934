package complaints_test

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// photo is a picture of so many dots a side.
func photo(t testing.TB, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// upload posts a file as a browser does, called and declared as is said.
func (p *portal) upload(id, token, name, kind string, file []byte, headers ...string) (int, string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	m.WriteField("token", token)
	part, _ := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="picture"; filename="` + name + `"`}, "Content-Type": {kind}})
	part.Write(file)
	m.Close()
	w := p.call(http.MethodPost, "/complaints/"+id+"/pictures", b.String(), nil, append(headers, "Content-Type: "+m.FormDataContentType(), "Accept: text/html")...)
	return w.Code, w.Body.String()
}

func TestAPictureIsTakenByWhatItIs(t *testing.T) {
	good := photo(t, 20)
	for _, c := range []struct {
		name, file, kind string
		octets           []byte
		status           int
	}{
		{"a picture", "invoice.png", "image/png", good, 200},
		{"a picture that is called a page", "x.html", "text/html", photo(t, 21), 200},
		{"a page that is called a picture", "invoice.png", "image/png", []byte("<script>alert(1)</script>"), 422},
		{"an SVG", "invoice.svg", "image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), 422},
		{"a name that climbs out", "../../../etc/passwd", "image/png", photo(t, 22), 200},
		{"nothing", "a.png", "image/png", nil, 422},
		{"a file past the bound", "a.png", "image/png", append(bytes.Clone(good), make([]byte, 4<<20)...), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPortal(t)
			ticket := p.file(t)
			status, body := p.upload(ticket.ID, ticket.Token, c.file, c.kind, c.octets)
			if status != c.status {
				t.Fatalf("status %d, want %d: %s", status, c.status, body)
			}
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "passwd") || strings.Contains(body, c.file) {
				t.Error("the page repeats what was sent")
			}
		})
	}
}

func TestWhoSeesAPicture(t *testing.T) {
	p := newPortal(t)
	ticket := p.file(t)
	if status, body := p.upload(ticket.ID, ticket.Token, "a.png", "image/png", photo(t, 20)); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	path := "/api/v1/complaints/" + ticket.ID + "/pictures"
	stranger, _ := p.ca.IssueTo(t, other, ca.OrganisationSign, "application-9")
	officer := p.operators(t, ca.RoleOfficer, "olga")[0]
	auditor := p.operators(t, ca.RoleAuditor, "anna")[0]
	partial := p.officer(t, "zahra")
	if err := p.ca.IntroduceOperator(t.Context(), "zahra", p.ca.Holder(catest.Zahra.NationalCode)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		peer   *x509.Certificate
		token  string
		status int
	}{
		{"the consumer", nil, ticket.Token, 200},
		{"the business", p.key.Certificate, "", 200},
		{"an officer", officer.Certificate, "", 200},
		{"an officer who acts for the business", partial, "", 403},
		{"another business", stranger.Certificate, "", 403},
		{"an auditor", auditor.Certificate, "", 403},
		{"a wrong token", nil, "mct_wrong", 401},
		{"nobody", nil, "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.token != "" {
				headers = []string{"Authorization: Bearer " + c.token}
			}
			for _, at := range []string{path, path + "/1"} {
				w := p.call("GET", at, "", c.peer, headers...)
				if w.Code != c.status {
					t.Fatalf("%s: %d, want %d: %s", at, w.Code, c.status, w.Body)
				}
				h := w.Header()
				if at != path && c.status == 200 && (h.Get("Content-Type") != "image/png" || h.Get("Content-Disposition") != `attachment; filename="picture-1.png"` ||
					h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store") {
					t.Errorf("headers %v", h)
				}
			}
		})
	}
	if w := p.call("GET", path+"/2", "", nil, "Authorization: Bearer "+ticket.Token); w.Code != 404 {
		t.Errorf("a picture that is not there: %d", w.Code)
	}
	for name, c := range map[string]struct {
		peer   *x509.Certificate
		status int
	}{"an officer": {officer.Certificate, 200}, "one who acts for the business": {partial, 403}, "an auditor": {auditor.Certificate, 403}} {
		if w := p.call("GET", "/console/complaints/"+ticket.ID+"/pictures/1", "", c.peer); w.Code != c.status {
			t.Errorf("%s at the officers' page: %d, want %d", name, w.Code, c.status)
		}
	}
	page := p.call("POST", "/complaints/"+ticket.ID, "token="+ticket.Token+"&do=picture&number=1", nil, asForm)
	if page.Code != 200 || page.Header().Get("Content-Type") != "image/png" {
		t.Errorf("by the page: %d %s", page.Code, page.Header())
	}
}

func TestABusinessSeesThePicturesOfAComplaintThatWasServedToIt(t *testing.T) {
	p := portalOf(t, flagging(t))
	p.file(t)
	ticket := p.file(t)
	if ticket.State != complaints.StateFiled {
		t.Fatalf("it is %s", ticket.State)
	}
	if status, body := p.upload(ticket.ID, ticket.Token, "a.png", "image/png", photo(t, 20)); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	path := "/api/v1/complaints/" + ticket.ID + "/pictures"
	see := func(when string, peer *x509.Certificate, status int) {
		t.Helper()
		for _, at := range []string{path, path + "/1"} {
			if w := p.call("GET", at, "", peer); w.Code != status {
				t.Errorf("%s, %s: %d, want %d: %s", when, at, w.Code, status, w.Body)
			}
		}
	}
	see("the business before it is served", p.key.Certificate, 403)
	see("an officer before it is served", p.officer(t, "olga"), 200)
	p.clock.advance(24 * hour)
	if err := p.ServeWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	see("the business once it is served", p.key.Certificate, 200)
}

func TestADeskShowsPicturesToTheBusinessThatIsMeantOnly(t *testing.T) {
	p := portalOf(t, flagging(t))
	p.file(t)
	ticket := p.file(t)
	if status, body := p.upload(ticket.ID, ticket.Token, "a.png", "image/png", photo(t, 20)); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	see := func(when string, b ca.BusinessID, want error) {
		t.Helper()
		list, err := p.PicturesOf(t.Context(), b, ticket.ID)
		if !errors.Is(err, want) || want == nil && len(list) != 1 {
			t.Errorf("%s: %v, %v", when, list, err)
		}
		if _, octets, err := p.PictureOf(t.Context(), b, ticket.ID, 1); !errors.Is(err, want) || want == nil && len(octets) == 0 {
			t.Errorf("%s: %d octets, %v", when, len(octets), err)
		}
	}
	see("before it is served", shop, fault.NotFound)
	p.clock.advance(24 * hour)
	if err := p.ServeWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	see("once it is served", shop, nil)
	see("another business", ca.BusinessID(other.LegalID), fault.NotFound)
	if _, _, err := p.PictureOf(t.Context(), shop, ticket.ID, 2); !errors.Is(err, fault.NotFound) {
		t.Errorf("a picture that is not there: %v", err)
	}
}

func TestAComplaintHasThreePicturesAtMostAndNoneTwice(t *testing.T) {
	p := newPortal(t)
	ticket := p.file(t)
	for i, want := range []int{200, 200, 200, 200, 409} {
		side := 20 + max(0, i-1) // the first two are the same
		status, body := p.upload(ticket.ID, ticket.Token, "a.png", "image/png", photo(t, side))
		if status != want || (status == 409) != strings.Contains(body, "at most 3 pictures; say the rest in words") {
			t.Fatalf("picture %d: %d, want %d: %s", i, status, want, body)
		}
	}
	var list struct{ Pictures []complaints.Shown }
	get(t, p.call("GET", "/api/v1/complaints/"+ticket.ID+"/pictures", "", nil, "Authorization: Bearer "+ticket.Token), 200, &list)
	if len(list.Pictures) != complaints.MaxPictures {
		t.Errorf("%d pictures", len(list.Pictures))
	}
}

func TestAWrongTokenAddsNoPicture(t *testing.T) {
	p := newPortal(t)
	ticket := p.file(t)
	status, body := p.upload(ticket.ID, "mct_wrong", "a.png", "image/png", photo(t, 20))
	if status == 200 || strings.Contains(body, "T-1001") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := p.upload(ticket.ID, ticket.Token, "a.png", "image/png", photo(t, 20), "Sec-Fetch-Site: cross-site"); status != 403 {
		t.Errorf("from another site: %d", status)
	}
	var list struct{ Pictures []complaints.Shown }
	get(t, p.call("GET", "/api/v1/complaints/"+ticket.ID+"/pictures", "", nil, "Authorization: Bearer "+ticket.Token), 200, &list)
	if len(list.Pictures) != 0 {
		t.Errorf("%d pictures", len(list.Pictures))
	}
}

func TestAPictureIsSealedCleanedAndGoesWithTheText(t *testing.T) {
	p := newPortal(t)
	ticket := p.file(t)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
	exif := "Exif\x00\x00GPS 35.6892"
	segment := append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(2+len(exif))), exif...)
	file := append(append([]byte{0xff, 0xd8}, segment...), b.Bytes()[2:]...)
	if status, body := p.upload(ticket.ID, ticket.Token, "a.jpg", "image/jpeg", file); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	at, bearer := "/api/v1/complaints/"+ticket.ID+"/pictures", "Authorization: Bearer "+ticket.Token
	got := p.call("GET", at+"/1", "", nil, bearer)
	if got.Code != 200 || bytes.Contains(got.Body.Bytes(), []byte("GPS")) {
		t.Fatalf("%d, the place is still in it", got.Code)
	}
	if strings.Contains(p.dump(t), string(got.Body.Bytes()[:200])) {
		t.Error("the picture is in the store as it is")
	}
	if !strings.Contains(strings.Join(p.leaves(t), "\n"), "complaint.picture") {
		t.Error("the log has nothing of it")
	}
	if record := p.pictureRecord(t, ticket.ID); record["sha256"] == "" || record["octets"] == 0.0 || record["salt"] == nil {
		t.Errorf("the record: %v", record)
	}
	if _, err := p.RemoveText(t.Context(), p.officer(t, "sara"), ticket.ID, "court_order"); err != nil {
		t.Fatal(err)
	}
	if w := p.call("GET", at+"/1", "", nil, bearer); w.Code != 404 {
		t.Errorf("after the removal: %d", w.Code)
	}
	var list struct{ Pictures []complaints.Shown }
	get(t, p.call("GET", at, "", nil, bearer), 200, &list)
	if len(list.Pictures) != 0 {
		t.Errorf("%d pictures are listed after the removal", len(list.Pictures))
	}
	if status, body := p.upload(ticket.ID, ticket.Token, "b.png", "image/png", photo(t, 30)); status != 409 || !strings.Contains(body, "was removed by law") || strings.Contains(body, "multipart/form-data") {
		t.Errorf("a picture after the removal: %d %s", status, body)
	}
	if status, body := p.upload(ticket.ID, ticket.Token, "b.png", "image/png", photo(t, 30), "Accept-Language: fa"); status != 409 || !strings.Contains(body, "متن این شکایت به حکم قانون برداشته شده است") {
		t.Errorf("the same in Persian: %d %s", status, body)
	}
	if record := p.pictureRecord(t, ticket.ID); record["sha256"] != "" || record["octets"] != 0.0 || record["salt"] != nil {
		t.Errorf("what is left of the picture: %v", record)
	}
}

// pictureRecord is what the store has of a complaint's first picture.
func (p *portal) pictureRecord(t *testing.T, id string) (record map[string]any) {
	t.Helper()
	err := p.ca.Store.View(t.Context(), func(tx store.Tx) (err error) {
		record, err = store.Load[map[string]any](tx, "complaints_pictures", id+"/1")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return record
}
