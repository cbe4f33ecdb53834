// The page of the shop. It asks the gateway for all it shows; pending orders it asks about again until they are paid.

const pollEvery = 500; // milliseconds
const shopper = localStorage.shopper ??= Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");
const money = new Intl.NumberFormat(undefined, { style: "currency", currency: "EUR" });
const price = (cents) => money.format(cents / 100);
const one = (selector, within = document) => within.querySelector(selector);

// Each answer names the services that had a part in it; the latest of each is shown in the footer.
const servedBy = new Map();

function noteServers(header) {
  for (const text of (header ?? "").split(",").map((s) => s.trim()).filter(Boolean)) servedBy.set(text.split(" ")[0], text);
  one("#served-by").replaceChildren(...[...servedBy.keys()].sort().map((name) => {
    const item = document.createElement("li");
    item.textContent = servedBy.get(name);
    return item;
  }));
}

async function api(method, path, body) {
  const answer = await fetch(`api/${path}`, { method, body: body && JSON.stringify(body) });
  noteServers(answer.headers.get("Shop-Served-By"));
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error);
  return result;
}

// attempt runs what a click or a timer wants done, and shows why it failed if it does.
async function attempt(work) {
  const problem = one("#problem");
  try {
    await work();
    problem.hidden = true;
  } catch (error) {
    problem.textContent = `That did not work: ${error.message}`;
    problem.hidden = false;
  }
}

// fill returns a copy of a template, filled in by f.
function fill(id, f) {
  const item = one(`#${id}`).content.firstElementChild.cloneNode(true);
  f(item);
  return item;
}

function showProducts(products) {
  one("#products").replaceChildren(...products.map((p) => fill("product", (item) => {
    one(".picture", item).style.setProperty("--hue", p.hue);
    one(".picture", item).textContent = p.name[0];
    one("h3", item).textContent = p.name;
    one("p", item).textContent = p.about;
    one(".price", item).textContent = price(p.price);
    one("button", item).setAttribute("aria-label", `Add ${p.name} to the cart`);
    one("button", item).onclick = () => attempt(async () => showCart(await api("POST", `carts/${shopper}`, { product: p.id, quantity: 1 })));
  })));
}

function showCart(cart) {
  one("#cart").replaceChildren(...cart.lines.map((line) => fill("cart-line", (item) => {
    one(".name", item).textContent = `${line.quantity} × ${line.name}`;
    one(".price", item).textContent = price(line.quantity * line.price);
    one("button", item).setAttribute("aria-label", `Remove ${line.name} from the cart`);
    one("button", item).onclick = () => attempt(async () => showCart(await api("DELETE", `carts/${shopper}/${line.product}`)));
  })));
  const empty = cart.lines.length === 0;
  one("#cart-empty").hidden = !empty;
  one("#total").hidden = empty;
  one("#total strong").textContent = price(cart.total);
  one("#checkout").disabled = empty;
}

function showOrders(orders) {
  one("#orders-empty").hidden = orders.length > 0;
  one("#orders").replaceChildren(...orders.map((o) => fill("order", (item) => {
    one("code", item).textContent = o.id;
    one(".price", item).textContent = price(o.total);
    one(".state", item).textContent = o.status;
    one(".state", item).dataset.state = o.status;
    if (o.receipt) item.title = `Receipt ${o.receipt.number} by ${o.receipt.paidBy}`;
  })));
  noteServers(orders.find((o) => o.receipt)?.receipt.paidBy);
}

let timer;

async function refreshOrders() {
  clearTimeout(timer);
  let again = true; // also if there is no answer, since the service may be on its way back
  try {
    const orders = await api("GET", `orders?shopper=${shopper}`);
    showOrders(orders);
    again = orders.some((o) => o.status === "pending");
  } finally {
    if (again) timer = setTimeout(() => attempt(refreshOrders), pollEvery);
  }
}

one("#checkout").onclick = () => attempt(async () => {
  one("#checkout").disabled = true;
  try {
    await api("POST", "orders", { shopper });
  } finally {
    showCart(await api("GET", `carts/${shopper}`));
  }
  await refreshOrders();
});

attempt(() => Promise.all([
  api("GET", "products").then(showProducts),
  api("GET", `carts/${shopper}`).then(showCart),
  refreshOrders(),
]));
