'use strict';
(() => {
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const number = text => {
    const value = parseFloat(text.replace(/\u2212/g, '-').replace(/[\u00a0\u2009\s%]/g, ''));
    return Number.isNaN(value) ? null : value;
  };

  // Tables: each heading a button that sorts, a field that filters where there are many rows.
  const compare = (column, numeric, sign) => (a, b) => {
    const [x, y] = [a, b].map(row => row.cells[column].textContent);
    if (!numeric) return sign * x.localeCompare(y, undefined, { numeric: true });
    const [u, v] = [number(x), number(y)];
    if (u === null || v === null) return (u === null) - (v === null);
    return sign * (u - v);
  };
  document.querySelectorAll('table:not(.measures)').forEach((table, index) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    if (rows.length < 4) return;
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const numeric = rows.some(row => row.cells[column] && row.cells[column].className === 'number');
      const button = make('button', { type: 'button', class: 'sort' }, ...heading.childNodes);
      heading.append(button);
      button.addEventListener('click', () => {
        const now = heading.getAttribute('aria-sort');
        const down = now ? now === 'ascending' : numeric;
        headings.forEach(other => other.removeAttribute('aria-sort'));
        heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        body.append(...[...rows].sort(compare(column, numeric, down ? -1 : 1)));
      });
    });
    if (rows.length < 12) return;
    const id = `filter-${index}`;
    const field = make('input', { type: 'search', id, autocomplete: 'off' });
    const shown = make('output', { for: id });
    const scroll = table.parentElement;
    scroll.before(make('p', { class: 'filter' }, make('label', { for: id }, 'Show rows with '), field, ' ', shown));
    field.addEventListener('input', () => {
      const wanted = field.value.toLowerCase();
      let count = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        count += !row.hidden;
      }
      shown.textContent = wanted ? `${count} of ${rows.length}` : '';
    });
  });

  // Stimuli: a map to point at and a list to search.
  const explorer = document.getElementById('explorer');
  const source = document.getElementById('explorer-data');
  if (!explorer || !source) return;
  const data = JSON.parse(source.textContent);
  const ROWS = 40;
  const choose = (id, label, options) => {
    const select = make('select', { id });
    options.forEach((text, i) => select.append(make('option', { value: i }, text)));
    controls.append(make('label', { for: id }, label, ' ', select));
    return select;
  };
  const controls = make('div', { class: 'controls' });
  const agents = choose('explorer-agent', 'Agent', data.agents.map(agent => agent.name));
  const maps = choose('explorer-map', 'Map', data.agents[0].maps.map(map => map.name));
  const dims = choose('explorer-dimension', 'Dimension', []);
  const search = make('input', { type: 'search', id: 'explorer-search', autocomplete: 'off' });
  controls.append(make('label', { for: 'explorer-search' }, 'Search ', search));
  const canvas = make('canvas', { role: 'img', width: 1320, height: 880 });
  const said = make('p', { class: 'said', role: 'status' });
  const list = make('table', {});
  const region = make('div', { class: 'scroll tall', role: 'region', tabindex: '0', 'aria-label': 'Stimuli, the largest weights first' }, list);
  explorer.replaceChildren(controls, canvas, said, region);

  let agent, places, weights, order, picked = -1;
  const cell = text => make('td', {}, text);
  const name = i => data.captions[i] ? `${data.keys[i]}: ${data.captions[i]}` : data.keys[i];
  const largest = i => agent.weights[i]
    .map((w, d) => [w, d]).sort((a, b) => b[0] - a[0]).slice(0, 3).filter(([w]) => w > 0)
    .map(([w, d]) => `${agent.dimensions[d]} (${w})`).join(', ');
  const colour = () => {
    const style = getComputedStyle(document.documentElement);
    return name => style.getPropertyValue(`--${name}`);
  };
  const draw = () => {
    const context = canvas.getContext('2d');
    const of = colour();
    const { width, height } = canvas;
    const margin = 24;
    context.clearRect(0, 0, width, height);
    if (!places.length) return;
    const [xs, ys] = [0, 1].map(axis => places.map(place => place[axis]));
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const scale = Math.min((width - 2 * margin) / (x1 - x0 || 1), (height - 2 * margin) / (y1 - y0 || 1));
    canvas.at = i => [
      width / 2 + (xs[i] - (x0 + x1) / 2) * scale,
      height / 2 - (ys[i] - (y0 + y1) / 2) * scale,
    ];
    const most = Math.max(...weights) || 1;
    const wanted = search.value.toLowerCase();
    [...order].reverse().forEach(i => {
      const [x, y] = canvas.at(i);
      const share = Math.max(0, weights[i] / most);
      const found = wanted && name(i).toLowerCase().includes(wanted);
      context.globalAlpha = wanted && !found ? 0.12 : 0.25 + 0.7 * share;
      context.fillStyle = share > 0.05 ? of('s1') : of('line');
      context.beginPath();
      context.arc(x, y, 4 + 7 * share, 0, 7);
      context.fill();
      if (found || i === picked) {
        context.globalAlpha = 1;
        context.strokeStyle = of('ink');
        context.lineWidth = 3;
        context.stroke();
      }
    });
    context.globalAlpha = 1;
  };
  const tell = i => {
    picked = i;
    said.textContent = i < 0 ? '' : `${name(i)}. Largest weights: ${largest(i) || 'none'}.`;
    draw();
  };
  const fill = () => {
    const wanted = search.value.toLowerCase();
    const found = order.filter(i => name(i).toLowerCase().includes(wanted));
    const head = make('thead', {}, make('tr', {}, ...['stimulus', 'caption', 'weight', 'largest weights']
      .map(text => make('th', { scope: 'col' }, text))));
    const body = make('tbody', {}, ...found.slice(0, ROWS).map(i => {
      const button = make('button', { type: 'button', class: 'sort' }, data.keys[i]);
      button.addEventListener('click', () => tell(i));
      return make('tr', {}, make('th', { scope: 'row' }, button), cell(data.captions[i] || ''),
        make('td', { class: 'number' }, String(weights[i])), cell(largest(i)));
    }));
    list.replaceChildren(make('caption', {}, found.length > ROWS
      ? `The first ${ROWS} of ${found.length} stimuli` : `${found.length} stimuli`), head, body);
  };
  const change = () => {
    const d = dims.selectedIndex;
    weights = agent.weights.map(row => row[d]);
    order = [...weights.keys()].sort((a, b) => weights[b] - weights[a] || a - b);
    places = agent.maps[maps.selectedIndex]?.places ?? [];
    canvas.hidden = !places.length;
    canvas.setAttribute('aria-label', `Map of the stimuli; large dots weigh most on dimension ${agent.dimensions[d]}. The list below says the same.`);
    tell(-1);
    fill();
  };
  const swap = () => {
    agent = data.agents[agents.selectedIndex];
    dims.replaceChildren(...agent.dimensions.map((text, i) => make('option', { value: i }, text)));
    change();
  };
  agents.addEventListener('change', swap);
  maps.addEventListener('change', change);
  dims.addEventListener('change', change);
  search.addEventListener('input', () => { fill(); draw(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  canvas.addEventListener('pointermove', event => {
    if (!places.length) return;
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const [x, y] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    let nearest = -1;
    let least = (14 * ratio) ** 2;
    for (let i = 0; i < places.length; i++) {
      const [u, v] = canvas.at(i);
      const distance = (u - x) ** 2 + (v - y) ** 2;
      if (distance < least) [nearest, least] = [i, distance];
    }
    if (nearest >= 0 && nearest !== picked) tell(nearest);
  });
  swap();
})();
