import { at } from './loopback-call.js';
import { isDictionary, isList, type NgDictionary, type NgValue } from './oracle-ng-client.js';
import { SupervisedTandem } from './supervised.js';
import { freePort, loopbackAddress } from './tandem.js';

/** A program whose counters can be read. */
export class Watched {
  readonly tandem: SupervisedTandem;
  readonly http: string;

  private constructor(tandem: SupervisedTandem, http: string) {
    this.tandem = tandem;
    this.http = http;
  }

  static async start(settings: readonly string[] = []): Promise<Watched> {
    const address = loopbackAddress();
    const http = `${address}:${await freePort(address)}`;
    return new Watched(await SupervisedTandem.start([`listen.http=${http}`, ...settings]), http);
  }

  /** The reply without what differs from program to program: addresses of its own, ports and times. */
  async says(request: NgDictionary): Promise<unknown> {
    const reply = JSON.stringify(await this.tandem.ng.command(request));
    const ports = new Map<string, string>();
    const place = (port: string): string => {
      const known = ports.get(port) ?? `port ${ports.size}`;
      ports.set(port, known);
      return known;
    };
    return JSON.parse(
      reply
        .replaceAll(this.tandem.address, 'us')
        .replace(
          /("(?:created|created_us|created_ts|last signal|last_signal|last packet|last user packet)":)\d+/g,
          '$10',
        )
        .replace(/(m=audio |a=rtcp:|"local port":)(\d+)/g, (_, name: string, port: string) =>
          name.startsWith('"') ? `${name}0` : name + place(port),
        )
        .replace(/o=(\S+) \d+ \d+/g, 'o=$1'),
    );
  }

  async requests(): Promise<{ pattern: number; again: number; control: number }> {
    const text = await (await fetch(`http://${this.http}/metrics`)).text();
    const count = (name: string): number =>
      Number(new RegExp(`tandem_requests_total\\{answered="${name}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
    return { pattern: count('pattern'), again: count('again'), control: count('control') };
  }

  patterns(): Promise<number> {
    return this.metric('tandem_patterns');
  }

  /** `name` has its labels, as they are written. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://${this.http}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  }

  /** Ports that sessions of the data plane have. */
  async ports(): Promise<number> {
    const { statistics } = await this.tandem.ng.command({ command: 'statistics' });
    const interfaces = isDictionary(statistics) ? statistics.interfaces : undefined;
    const used = (one: NgValue) => Number(isDictionary(one) ? at(one, 'ports', 'used') : Number.NaN);
    return (isList(interfaces) ? interfaces : []).reduce((sum: number, one) => sum + used(one), 0);
  }

  async calls(): Promise<readonly string[]> {
    return sorted(await this.tandem.ng.command({ command: 'list', limit: 10_000 }));
  }
}

export function sorted(reply: unknown): readonly string[] {
  const calls = (reply as NgDictionary).calls;
  return isList(calls) ? calls.map(String).sort() : [];
}
