import type { RoutePlan, SessionPlan, StreamPlan } from '../../../src/dataplane/protocol.gen.js';
import type { Placeholders } from './expected-sdp.js';

/**
 * Reads what a `--- plan` line speaks of and returns what the plan says, in the same words:
 * `{port:b}.remote.rtp = 198.51.100.10:4000` (a property of the stream with that local port),
 * `{port:b mid=1}.receive = true` (of the stream bundled on that port with that identification),
 * `{port:a} -> {port:b} = forward` (a route; `none` if there is none), `tos = 184` (a property of the plan).
 */
export function describedByPlan(line: string, plan: SessionPlan, placeholders: Placeholders): string {
  const equals = line.indexOf(' = ');
  if (equals < 0) throw new Error(`not "path = value": ${line}`);
  const subject = line.slice(0, equals);
  const wanted = line.slice(equals + 3);
  const actual = read(subject, plan, placeholders);
  return `${subject} = ${placeholders.match(wanted, actual) ? wanted : actual}`;
}

function read(subject: string, plan: SessionPlan, placeholders: Placeholders): string {
  const route = /^\{port:(\w+)(?: mid=(\S+))?\} -> \{port:(\w+)(?: mid=(\S+))?\}(?: (\w+))?$/.exec(subject);
  if (route) {
    const [, from = '', fromMid, to = '', toMid, property] = route;
    const source = streamAt(plan, placeholders, from, fromMid);
    const found = routeBetween(plan, source, streamAt(plan, placeholders, to, toMid));
    if (found === undefined) return 'none';
    return property === undefined
      ? found.media
      : print(property in found ? follow(found, [property]) : undefined);
  }
  const stream = /^\{port:(\w+)(?: mid=(\S+))?\}\.(.+)$/.exec(subject);
  if (stream) {
    const [, name = '', mid, path = ''] = stream;
    const found = streamAt(plan, placeholders, name, mid);
    return found === undefined ? 'no such stream' : print(follow(found, steps(path)));
  }
  return print(follow(plan, steps(subject)));
}

/** The stream with that local port, or the one of its bundle that is named. */
function streamAt(
  plan: SessionPlan,
  placeholders: Placeholders,
  name: string,
  mid?: string,
): StreamPlan | undefined {
  const port = placeholders.port(name);
  if (port === undefined) throw new Error(`{port:${name}} is not known yet`);
  const found = plan.streams.find(({ locals }) => locals.some((local) => local.port === port));
  if (mid === undefined) return found;
  return plan.streams.find(({ bundle }) => bundle?.transport === found?.id && bundle?.mid === mid);
}

function routeBetween(
  plan: SessionPlan,
  from: StreamPlan | undefined,
  to: StreamPlan | undefined,
): RoutePlan | undefined {
  return plan.routes.find((route) => route.from === from?.id && route.to === to?.id);
}

function steps(path: string): string[] {
  return path.split(/[.[\]]/).filter((step) => step !== '');
}

function follow(value: unknown, path: readonly string[]): unknown {
  let current: unknown = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = new Map<string, unknown>(Object.entries(current)).get(step) ?? lengthOf(current, step);
  }
  return current;
}

function lengthOf(value: object, step: string): unknown {
  if (step === 'length' && Array.isArray(value)) return value.length;
  return step in value ? null : undefined;
}

function print(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
}
