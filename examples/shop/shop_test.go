package shop_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const baggage = "shopper=ann,tier=gold"

// shop is a whole shop on ports of its own.
type shop struct {
	t       *testing.T
	queue   *process
	payment *process
	orders  *process
	gateway *process
	nats    string // address of the queue
	web     string // folder with the page
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, nats: "127.0.0.1:0", web: t.TempDir()}
	if err := os.CopyFS(s.web, os.DirFS("services/gateway/web")); err != nil {
		t.Fatal(err)
	}
	s.startQueue()
	s.startPayment()
	catalogue := start(t, "catalogue", "SHOP_PRODUCTS=services/catalogue/products.json")
	cart := start(t, "cart", "SHOP_CATALOGUE="+catalogue.url())
	s.orders = start(t, "orders", "SHOP_CART="+cart.url(), "SHOP_QUEUE=nats://"+s.nats)
	s.gateway = start(t, "gateway", "SHOP_CATALOGUE="+catalogue.url(), "SHOP_CART="+cart.url(), "SHOP_ORDERS="+s.orders.url(),
		"SHOP_PAYMENT="+s.payment.url(), "SHOP_QUEUE_HTTP="+s.queue.url(), "SHOP_WEB="+s.web)
	for _, p := range []*process{s.queue, s.payment, catalogue, cart, s.orders, s.gateway} {
		eventually(t, p.name+" is ready", func() bool { return status(p.url()+"/readyz") == http.StatusOK })
	}
	return s
}

func (s *shop) startQueue() {
	s.queue = start(s.t, "queue", "SHOP_QUEUE_LISTEN="+s.nats)
	s.nats = s.queue.address("queue open") // a queue that is started again has the same
}

func (s *shop) startPayment() {
	s.payment = start(s.t, "payment", "SHOP_QUEUE=nats://"+s.nats, "SHOP_PAYMENT_DELAY=300ms")
}

// call sends a request with baggage to the gateway and decodes the answer.
func (s *shop) call(method, path, body string, want int, into any) http.Header {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.gateway.url()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("baggage", baggage)
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != want {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, want, content)
	}
	if err := json.Unmarshal(content, into); err != nil {
		s.t.Fatalf("%s %s: %v: %s", method, path, err, content)
	}
	return response.Header
}

type (
	cart struct {
		Lines []struct{ Product string }
		Total int
	}
	order struct {
		ID, Status string
		Total      int
		Receipt    struct{ Number, PaidBy, Baggage string }
	}
)

// buy puts two mugs into the cart, checks out, and returns the order.
func (s *shop) buy() order {
	s.t.Helper()
	var c cart
	s.call("POST", "/api/carts/ann", `{"product": "mug", "quantity": 2}`, http.StatusOK, &c)
	if len(c.Lines) != 1 || c.Total != 2*1290 {
		s.t.Fatalf("the cart holds %+v", c)
	}
	var o order
	s.call("POST", "/api/orders", `{"shopper": "ann"}`, http.StatusOK, &o)
	if o.Status != "pending" || o.Total != c.Total {
		s.t.Fatalf("the order is %+v", o)
	}
	if s.call("GET", "/api/carts/ann", "", http.StatusOK, &c); len(c.Lines) != 0 {
		s.t.Fatalf("the cart still holds %+v", c)
	}
	return o
}

// paid returns the order once it is paid.
func (s *shop) paid(o order) order {
	s.t.Helper()
	eventually(s.t, "the order is paid", func() bool {
		s.call("GET", "/api/orders/"+o.ID, "", http.StatusOK, &o)
		return o.Status == "paid"
	})
	return o
}

func TestShop_Sells(t *testing.T) {
	t.Parallel()
	s := open(t)
	var products []struct{ ID string }
	header := s.call("GET", "/api/products", "", http.StatusOK, &products)
	if len(products) == 0 || products[0].ID != "mug" {
		t.Errorf("products: %v", products)
	}
	if by := strings.Join(header.Values("Shop-Served-By"), ", "); !strings.Contains(by, "gateway 1 on ") || !strings.Contains(by, "catalogue 1 on ") {
		t.Errorf("served by %q", by)
	}
	o := s.paid(s.buy())
	if o.Receipt.Number == "" || !strings.HasPrefix(o.Receipt.PaidBy, "payment 1 on ") || o.Receipt.Baggage != baggage {
		t.Errorf("receipt %+v", o.Receipt)
	}
	var list []order
	if s.call("GET", "/api/orders?shopper=ann", "", http.StatusOK, &list); len(list) != 1 || list[0].ID != o.ID {
		t.Errorf("orders of the shopper: %+v", list)
	}
}

func TestShop_Objects(t *testing.T) {
	t.Parallel()
	s := open(t)
	var said struct{ Error string }
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/api/products/unicorn", "", http.StatusNotFound, "unicorn"},
		{"POST", "/api/carts/ann", `{"product": "unicorn", "quantity": 1}`, http.StatusNotFound, "unicorn"},
		{"POST", "/api/carts/ann", `{"product": "mug", "quantity": -1}`, http.StatusBadRequest, "quantity"},
		{"POST", "/api/carts/ann", `nonsense`, http.StatusBadRequest, "JSON"},
		{"POST", "/api/orders", `{"shopper": "ann"}`, http.StatusConflict, "empty"},
		{"GET", "/api/orders/none", "", http.StatusNotFound, "none"},
	} {
		if s.call(c.method, c.path, c.body, c.status, &said); !strings.Contains(said.Error, c.says) {
			t.Errorf("%s %s says %q", c.method, c.path, said.Error)
		}
	}
	s.orders.stop()
	s.call("GET", "/api/orders?shopper=ann", "", http.StatusBadGateway, &said)
}

func TestShop_CarriesBaggageEverywhere(t *testing.T) {
	t.Parallel()
	s := open(t)
	var seen []struct{ Service, Via, Version, Baggage, Traceparent, Error string }
	s.call("GET", "/api/trace", "", http.StatusOK, &seen)
	got := map[string]bool{}
	for _, x := range seen {
		got[x.Service+" via "+x.Via] = true
		if x.Baggage != baggage || !strings.HasPrefix(x.Traceparent, "00-0af7") || x.Version != "1" || x.Error != "" {
			t.Errorf("%+v", x)
		}
	}
	for _, want := range []string{
		"gateway via browser", "catalogue via http", "cart via http", "orders via http", "payment via http", "payment via queue", "queue via http",
	} {
		if !got[want] {
			t.Errorf("nothing of %s in %v", want, seen)
		}
	}
}

func TestShop_PaysAfterOutages(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.payment.stop()
	first := s.buy()
	s.startPayment()
	s.paid(first)

	s.queue.stop()
	ready := s.orders.url() + "/readyz"
	eventually(t, "orders is not ready", func() bool { return status(ready) == http.StatusServiceUnavailable })
	second := s.buy()
	s.startQueue()
	s.paid(second)
	eventually(t, "orders is ready again", func() bool { return status(ready) == http.StatusOK })
}

func TestShop_ShowsEditsOfThePageAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	file := filepath.Join(s.web, "index.html")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const banner = `<p id="banner">Welcome to the shop</p>`
	if page := get(t, s.gateway.url()); !strings.Contains(page, banner) {
		t.Fatalf("no banner in %s", page)
	}
	edited := strings.Replace(string(text), "Welcome to the shop", "Spring sale", 1)
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if page := get(t, s.gateway.url()); !strings.Contains(page, `<p id="banner">Spring sale</p>`) {
		t.Errorf("the page is still %s", page)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// status returns the status of an answer, 0 if there is none.
func status(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}
