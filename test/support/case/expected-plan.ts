import type { RoutePlan, SessionPlan, StreamPlan } from '../../../src/dataplane/protocol.gen.js';
import type { Placeholders } from './expected-sdp.js';

/**
 * Reads what a `--- plan` line speaks of and returns what the plan says, in the same words:
 * `{port:b}.remote.rtp = 198.51.100.10:4000` (a property of the stream with that local port),
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
  const route = /^\{port:(\w+)\} -> \{port:(\w+)\}(?: (\w+))?$/.exec(subject);
  if (route) {
    const [, from = '', to = '', property] = route;
    const found = routeBetween(plan, streamAt(plan, placeholders, from), streamAt(plan, placeholders, to));
    if (found === undefined) return 'none';
    return property === undefined
      ? found.media
      : print(property in found ? follow(found, [property]) : undefined);
  }
  const stream = /^\{port:(\w+)\}\.(.+)$/.exec(subject);
  if (stream) {
    const [, name = '', path = ''] = stream;
    const found = streamAt(plan, placeholders, name);
    return found === undefined ? 'no such stream' : print(follow(found, steps(path)));
  }
  return print(follow(plan, steps(subject)));
}

function streamAt(plan: SessionPlan, placeholders: Placeholders, name: string): StreamPlan | undefined {
  const port = placeholders.port(name);
  if (port === undefined) throw new Error(`{port:${name}} is not known yet`);
  return plan.streams.find(({ locals }) => locals.some((local) => local.port === port));
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
