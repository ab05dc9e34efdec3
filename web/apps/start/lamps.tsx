/** The lamps of the shop, drawn by hand in SVG. Colours come from the page's CSS, so they follow the scheme and the switch. */
let ids = 0;

/** A warm halo; its own gradient each time, since ids are the page's. */
function Glow(props: { cx: number; cy: number; r: number }) {
  const id = `glow-${++ids}`;
  return (
    <g class="glow">
      <defs>
        <radialGradient id={id}>
          <stop offset="0" class="warm" stop-opacity="0.85" />
          <stop offset="0.45" class="warm" stop-opacity="0.28" />
          <stop offset="1" class="warm" stop-opacity="0" />
        </radialGradient>
      </defs>
      <circle cx={props.cx} cy={props.cy} r={props.r} fill={`url(#${id})`} />
    </g>
  );
}

function Frame(props: { children: Node | Node[] }) {
  return <svg viewBox="0 0 200 200" class="lamp" aria-hidden="true">{props.children}</svg>;
}

export function Aube() {
  return (
    <Frame>
      <Glow cx={100} cy={84} r={92} />
      <path class="linen" d="M66 46h68l22 58H44Z" />
      <path class="fold" d="M82 46 70 104M100 46v58M118 46l12 58" />
      <path class="brass" d="M97 104h6v56h-6z" />
      <path class="brass" d="M74 160h52a4 4 0 0 1 4 4v4H70v-4a4 4 0 0 1 4-4Z" />
      <circle class="brass" cx="100" cy="128" r="6" />
    </Frame>
  );
}

export function Orbe() {
  return (
    <Frame>
      <Glow cx={100} cy={82} r={94} />
      <circle class="opal" cx="100" cy="84" r="46" />
      <path class="shine" d="M72 66a36 36 0 0 1 22-18" />
      <path class="steel" d="M84 126h32l6 12H78z" />
      <path class="brass" d="M70 138h60v8H70z" />
      <path class="steel" d="M76 146h48l8 22H68z" />
    </Frame>
  );
}

export function Tige() {
  return (
    <Frame>
      <Glow cx={62} cy={92} r={78} />
      <path class="wire" d="M134 168V62L82 40" />
      <circle class="brass" cx="134" cy="62" r="5" />
      <path class="steel" d="M88 34 58 52l-8 26 58-26Z" />
      <path class="bulb" d="M56 74a14 10 -24 0 0 28-12Z" />
      <path class="steel" d="M108 164h52a4 4 0 0 1 4 4v3h-60v-3a4 4 0 0 1 4-4Z" />
    </Frame>
  );
}

export function Nacelle() {
  return (
    <Frame>
      <Glow cx={100} cy={122} r={90} />
      <path class="wire" d="M100 0v56" />
      <path class="brass" d="M92 52h16v12H92z" />
      <path class="clay" d="M92 64h16c26 4 44 24 48 52H44c4-28 22-48 48-52Z" />
      <path class="inside" d="M44 116h112c-16 12-96 12-112 0Z" />
      <circle class="bulb" cx="100" cy="122" r="9" />
    </Frame>
  );
}

export function Galet() {
  return (
    <Frame>
      <Glow cx={100} cy={96} r={88} />
      <path class="opal" d="M54 104c0-36 20-58 46-58s46 22 46 58Z" />
      <path class="shine" d="M70 88c2-14 8-24 16-30" />
      <path class="stone" d="M40 112c0-6 6-8 14-8h92c8 0 14 2 14 8 2 34-24 56-60 56s-62-22-60-56Z" />
      <path class="speck" d="M66 130h2M88 146h2M120 134h2M134 122h2M104 120h2M80 120h1" />
    </Frame>
  );
}

export function Lucarne() {
  return (
    <Frame>
      <Glow cx={106} cy={96} r={92} />
      <path class="wood" d="M34 40h18v124H34z" />
      <path class="grain" d="M40 46v112M46 46v112" />
      <path class="wire" d="M52 92h26" />
      <circle class="opal" cx="112" cy="92" r="36" />
      <path class="shine" d="M90 78a28 28 0 0 1 16-14" />
      <circle class="brass" cx="52" cy="92" r="6" />
    </Frame>
  );
}

/** The big one at the head of the page: a lamp on a table by a window at dusk. */
export function Scene() {
  return (
    <svg viewBox="0 0 520 520" class="scene lamp" aria-hidden="true">
      <path class="wall" d="M0 0h520v400H0z" />
      <path class="sky" d="M60 60h150v210H60z" />
      <circle class="moon" cx="172" cy="104" r="17" />
      <path class="hill" d="M60 232c36-30 66-20 92-6s40 6 58-4v48H60z" />
      <path class="pane" d="M60 60h150v210H60zM135 60v210M60 165h150" />
      <Glow cx={330} cy={214} r={236} />
      <path class="table" d="M0 400h520v120H0z" />
      <path class="edge" d="M0 400h520v10H0z" />
      <ellipse class="pool" cx="330" cy="424" rx="150" ry="22" />
      <path class="linen" d="M270 110h120l44 132H226Z" />
      <path class="fold" d="m294 110-26 132M318 110l-8 132M342 110l8 132M366 110l26 132" />
      <path class="brass" d="M325 242h10v150h-10z" />
      <circle class="brass" cx="330" cy="300" r="13" />
      <path class="brass" d="M282 392h96a7 7 0 0 1 7 7v9H275v-9a7 7 0 0 1 7-7Z" />
      <path class="chain" d="M372 242v46" />
      <circle class="brass" cx="372" cy="294" r="6" />
      <path class="book" d="M90 378h120v12H90zM98 366h112v12H98z" />
      <path class="book2" d="M84 390h132v14H84z" />
      <path class="cup" d="M440 366h44v22a18 18 0 0 1-18 18h-8a18 18 0 0 1-18-18zM484 372h8a9 9 0 0 1 0 18h-8" />
    </svg>
  );
}
