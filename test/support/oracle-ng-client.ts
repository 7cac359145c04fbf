/** A small ng client that shares no code with the proxy: bencode over one datagram. */
export type NgValue = string | number | readonly NgValue[] | NgDictionary;
export type NgDictionary = { readonly [key: string]: NgValue | undefined };

export type Exchange = (datagram: Buffer) => Promise<Buffer | undefined>;

export type NgClient = {
  /** Sends a command and decodes the reply. Text is bytes, one character per byte. */
  command(request: NgDictionary): Promise<NgDictionary>;
};

let cookies = 0;

/** Repeats a datagram until it is answered, as SIP proxies do. */
export function repeating(exchange: Exchange, times = 15): Exchange {
  return async (datagram) => {
    for (let attempt = 0; attempt < times; attempt++) {
      const reply = await exchange(datagram);
      if (reply !== undefined) return reply;
    }
    return undefined;
  };
}

export function createNgClient(exchange: Exchange): NgClient {
  return {
    async command(request) {
      cookies += 1;
      const cookie = `${process.pid.toString(36)}_${cookies}_${Date.now().toString(36)}`;
      const reply = await exchange(Buffer.from(`${cookie} ${bencode(request)}`, 'latin1'));
      if (reply === undefined) throw new Error(`no reply to ${String(request.command)}`);
      const text = reply.toString('latin1');
      if (!text.startsWith(`${cookie} `)) throw new Error(`reply with another cookie: ${text.slice(0, 80)}`);
      const decoded = bdecode(text.slice(cookie.length + 1));
      if (!isDictionary(decoded)) throw new Error('the reply is not a dictionary');
      return decoded;
    },
  };
}

export function bencode(value: NgValue): string {
  if (typeof value === 'number') return `i${value}e`;
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (isList(value)) return `l${value.map(bencode).join('')}e`;
  const pairs = Object.entries(value).flatMap(([key, item]) =>
    item === undefined ? [] : [bencode(key), bencode(item)],
  );
  return `d${pairs.join('')}e`;
}

export function bdecode(text: string): NgValue {
  let at = 0;
  const upTo = (mark: string): string => {
    const end = text.indexOf(mark, at);
    if (end < 0) throw new Error(`no ${mark} after ${at}`);
    const part = text.slice(at, end);
    at = end + 1;
    return part;
  };
  const value = (): NgValue => {
    const kind = text[at];
    if (kind === 'i') {
      at += 1;
      return Number(upTo('e'));
    }
    if (kind === 'l' || kind === 'd') {
      at += 1;
      const items: NgValue[] = [];
      while (text[at] !== 'e') {
        if (at >= text.length) throw new Error('unterminated');
        items.push(value());
      }
      at += 1;
      return kind === 'l' ? items : dictionary(items);
    }
    const length = Number(upTo(':'));
    const part = text.slice(at, at + length);
    if (part.length !== length) throw new Error('string is cut short');
    at += length;
    return part;
  };
  const decoded = value();
  if (at !== text.length) throw new Error('bytes behind the value');
  return decoded;
}

function dictionary(items: readonly NgValue[]): NgDictionary {
  const result: Record<string, NgValue> = {};
  for (let at = 0; at + 1 < items.length; at += 2) {
    const item = items[at + 1];
    if (item !== undefined) result[String(items[at])] = item;
  }
  return result;
}

export function isList(value: NgValue | undefined): value is readonly NgValue[] {
  return Array.isArray(value);
}

export function isDictionary(value: NgValue | undefined): value is NgDictionary {
  return typeof value === 'object' && !isList(value);
}
